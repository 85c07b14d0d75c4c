"""Blots out the values of secrets in a stream of bytes, wherever a read happens to cut it: what may be the beginning of one
waits until it is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heapreplace

MASK = b"***"
ROOTS_MAX = 512
"""Of more forms it is not found out which contain others: that takes longer than it spares."""
TRIES_MAX = 32
"""So many places that look like the beginning of a form and are none, and the next one is held back unseen."""
SHORT = 8
"""Ends of this many bytes and more are looked for by a search, shorter ones in a set."""


class Forms:
    """What is to be blotted out; the leftmost one first, of several that begin at the same byte the longest."""

    def __init__(self, forms: Iterable[bytes]) -> None:
        self.all = sorted({form for form in forms if form}, key=len)
        self.longest = len(self.all[-1]) if self.all else 0
        self._roots: list[bytes] = []
        for form in self.all:
            if len(self.all) > ROOTS_MAX or not any(root in form for root in self._roots):
                self._roots.append(form)
        self._starts = {form[:size] for form in self.all for size in range(1, min(SHORT, len(form)))}
        self._long = [form for form in self.all if len(form) > SHORT]

    def within(self, data: bytes) -> bool:
        """One of them is in `data`, all of it."""
        return any(root in data for root in self._roots)

    def matches(self, data: bytes) -> Iterator[tuple[int, int]]:
        """(begin, end) of each, from left to right."""
        heap = [(data.find(form), -len(form), form) for form in self.all]
        heap = [each for each in heap if each[0] >= 0]
        heapify(heap)
        at = 0
        while heap:
            begin, minus, form = heap[0]
            if begin >= at:
                at = begin - minus
                yield begin, at
            following = data.find(form, at)
            if following >= 0:
                heapreplace(heap, (following, minus, form))
            else:
                heappop(heap)

    def pending(self, data: bytes, least: int = 0) -> int:
        """Where the longest end of `data` begins, not before `least`, that one of them begins with; `len(data)`: nowhere.

        For forms that repeat themselves it may be an earlier place: then more is held back, less than the longest form still.
        """
        size = len(data)
        found = size
        for length in range(min(SHORT - 1, size - least), 0, -1):
            if data[size - length :] in self._starts:
                found = size - length
                break
        for form in self._long:
            at = data.find(form[:SHORT], max(least, size - len(form) + 1), found + SHORT - 1)
            tries = 0
            while 0 <= at < found:
                tries += 1
                if tries > TRIES_MAX or form.startswith(data[at:]):
                    found = at
                    break
                at = data.find(form[:SHORT], at + 1, found + SHORT - 1)
        return found

    def blotted(self, data: bytes) -> bytes:
        """`data`, which is whole, without them."""
        return b"".join(_pieces(data, self.matches(data))) if self.within(data) else data


class Redactor:
    """One stream; keeps back less than the longest form has bytes."""

    def __init__(self, forms: Forms) -> None:
        self._forms = forms
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """What may be shown of all that came until now, and was not shown yet."""
        data = self._held + data if self._held else data
        forms = self._forms
        cut = forms.pending(data)
        shown: list[bytes] = []
        at = 0
        if forms.within(data):
            for begin, end in forms.matches(data):
                if begin >= cut:
                    break
                shown += (data[at:begin], MASK)
                at = end
                if at > cut:
                    cut = forms.pending(data, at)
        self._held = data[cut:]
        shown.append(data[at:cut])
        return b"".join(shown)

    def end(self) -> bytes:
        """The rest: nothing more comes."""
        data, self._held = self._held, b""
        return self._forms.blotted(data)


class Veil:
    """All streams of one log, each by itself."""

    def __init__(self, forms: Forms) -> None:
        self._forms = forms
        self._streams: dict[str, Redactor] = {}

    def feed(self, stream: str, data: bytes) -> bytes:
        redactor = self._streams.get(stream)
        if redactor is None:
            redactor = self._streams[stream] = Redactor(self._forms)
        return redactor.feed(data)

    def end(self, stream: str) -> bytes:
        redactor = self._streams.pop(stream, None)
        return redactor.end() if redactor else b""

    def text(self, text: str) -> str:
        """A sentence without them."""
        return self._forms.blotted(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")


def _pieces(data: bytes, matches: Iterator[tuple[int, int]]) -> Iterator[bytes]:
    at = 0
    for begin, end in matches:
        yield data[at:begin]
        yield MASK
        at = end
    yield data[at:]
