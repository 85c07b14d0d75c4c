"""Numbers for lines and chunks, without looking at single lines: a log of millions of lines must cost next to nothing."""

from __future__ import annotations

CHUNK_BYTES_MAX = 128 * 1024


class Numbering:
    """Counts lines over all streams in the order in which they begin.

    The lines of one chunk always have consecutive numbers: where a line goes on after lines of the other stream began,
    its rest becomes a chunk of its own.
    """

    def __init__(self) -> None:
        self._begun = 0
        self._open: dict[str, int] = {}
        self.lines: dict[str, int] = {}

    @property
    def total(self) -> int:
        """Lines begun so far; at the end of a log: how many it has, a last one without a newline included."""
        return self._begun

    def cut(self, stream: str, data: bytes) -> list[tuple[int, int, bytes]]:
        """`data` as chunks of (number of the first line, lines that end in it, bytes)."""
        found = []
        open_line = self._open.get(stream, 0)
        if open_line and open_line != self._begun and b"\n" in data:
            end = data.index(b"\n") + 1
            found += [self._chunk(stream, data[at : min(at + CHUNK_BYTES_MAX, end)]) for at in _starts(end)]
            data = data[end:]
        found += [self._chunk(stream, data[at : at + CHUNK_BYTES_MAX]) for at in _starts(len(data))]
        return found

    def _chunk(self, stream: str, data: bytes) -> tuple[int, int, bytes]:
        ends = data.count(b"\n")
        unfinished = not data.endswith(b"\n")
        first = self._open.get(stream, 0)
        begun = ends + unfinished - bool(first)
        first = first or self._begun + 1
        self._begun += begun
        self.lines[stream] = self.lines.get(stream, 0) + begun
        self._open[stream] = first + ends if unfinished else 0
        return first, ends, data


def _starts(length: int) -> range:
    return range(0, length, CHUNK_BYTES_MAX)
