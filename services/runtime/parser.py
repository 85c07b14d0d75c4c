"""nats-py's parser with a shorter way for whole messages: most of what is read of the log are thousands of small ones."""

from __future__ import annotations

from nats.protocol.parser import AWAITING_CONTROL_LINE, MAX_CONTROL_LINE_SIZE, Parser

CRLF = b"\r\n"
LARGE_BYTES = 128 * 1024
"""A message beyond this is left to nats-py, which does not put it together anew with every piece that comes in."""


class LeanParser(Parser):
    """MSG and HMSG are taken apart here when they are there as a whole; everything else goes nats-py's way."""

    async def parse(self, data: bytes = b"") -> None:
        if self.state != AWAITING_CONTROL_LINE:
            await super().parse(data)
            return
        if self.buf:
            data = bytes(self.buf) + data
            self.buf.clear()
        at = 0
        while at < len(data):
            found = _head(data, at)
            if found is None:
                await super().parse(data[at:])
                return
            start, sid, subject, reply, header_bytes, total = found
            stop = start + total
            if not start or stop + len(CRLF) > len(data):
                self.buf.extend(data[at:])
                return
            at = stop + len(CRLF)
            middle = start + header_bytes
            headers = data[start:middle] if header_bytes else None
            await self.nc._process_msg(sid, subject, reply, data[middle:stop], headers)


Head = tuple[int, int, bytes, bytes, int, int]
"""Where the message begins (0: the line is not whole yet), its subscription, subject, reply, size of its headers and of all."""
_PIECE: Head = (0, 0, b"", b"", 0, 0)


def _head(data: bytes, at: int) -> Head | None:
    """The line at `at`; None when it is no message, or none for here."""
    end = data.find(CRLF, at, at + MAX_CONTROL_LINE_SIZE)
    if end < 0:
        return _PIECE if data.startswith((b"MSG ", b"HMSG "), at) and len(data) - at < MAX_CONTROL_LINE_SIZE else None
    parts = data[at:end].split()
    try:
        if parts[0] == b"HMSG" and len(parts) in (5, 6):
            header_bytes, total = int(parts[-2]), int(parts[-1])
        elif parts[0] == b"MSG" and len(parts) in (4, 5):
            header_bytes, total = 0, int(parts[-1])
        else:
            return None
        replied = len(parts) == (6 if header_bytes else 5)
        if total > LARGE_BYTES:
            return None
        return end + len(CRLF), int(parts[2]), parts[1], parts[3] if replied else b"", header_bytes, total
    except (ValueError, IndexError):
        return None
