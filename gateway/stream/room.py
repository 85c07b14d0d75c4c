"""How many log streams an account may have open: each may hold megabytes for a slow reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from domain.errors import Refused

STREAMS_MAX = 128
"""Of one account; at 16 MB for the slowest reader these are 2 GB."""


class StreamRoom:
    """The open streams of this gateway, by account."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, account: str) -> Iterator[None]:
        """Hold a place while the stream is open; raises Refused (TOO_MANY_STREAMS) when all are taken."""
        if self._open[account] >= STREAMS_MAX:
            raise Refused(
                f"{STREAMS_MAX} log streams of this account are open, which is as many as there may be. Close some.",
                code="TOO_MANY_STREAMS",
                details={"streams_max": STREAMS_MAX},
            )
        self._open[account] += 1
        try:
            yield
        finally:
            self._open[account] -= 1
            if not self._open[account]:
                del self._open[account]
