"""The live log over a WebSocket: every chunk once and in order, across reconnects, until the end and its count.

The protocol (frames, resume cursor) is described in docs/log-stream.md.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any

from ..errors import CliError
from ..terminal.screen import warn
from .interrupt import Interrupts
from .reply import Reply, why
from .transport import Api, query_string, segment

LOOK_SECONDS = 0.2
PAUSE_FIRST, PAUSE_MAX = 0.1, 3.0
TOLD_AFTER_SECONDS = 1.0
FRAME_BYTES_MAX = 16 << 20
CODES_TRY_AGAIN = ("UNAVAILABLE", "INTERNAL", "SLOW_READER", "SHUTTING_DOWN", "OVERLOADED")


class Break(Exception):
    """The stream is gone; the cursor says where to go on."""


@dataclass(slots=True)
class Sink:
    """Where the parts of a stream go; each is called in the main thread, in order."""

    chunk: Callable[[dict[str, Any], memoryview], None]
    state: Callable[[dict[str, Any]], None]
    attempt: Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Follower:
    """Follows one execution. `interrupted` is asked whenever nothing is in flight and ends the following when true."""

    api: Api
    execution: str
    sink: Sink
    interrupts: Interrupts
    attempt: int | None = None
    stream: str | None = None
    tail: int | None = None
    only: bool = False
    """No attempt but the one it begins with."""
    chunk: int = 0
    gaps: list[dict[str, Any]] = field(default_factory=list)
    holes: int = 0
    seen: bool = False
    """Whether any chunk of the current attempt came (a tail begins in the middle)."""
    end: dict[str, Any] | None = None

    def follow(self) -> dict[str, Any] | None:
        """Until the end: the `end` frame. None: an interrupt came first. Raises CliError on a refusal."""
        pause, since, told = PAUSE_FIRST, 0.0, False
        while True:
            try:
                with self.connect() as socket:
                    if told:
                        warn("the grid answers again")
                    pause, since, told = PAUSE_FIRST, 0.0, False
                    if not self.read(socket):
                        return None
                    return self.end
            except Break as gone:
                since = since or time.monotonic()
                if not told and time.monotonic() - since > TOLD_AFTER_SECONDS:
                    warn(f"the grid does not answer ({gone}); still trying … (Ctrl-C detaches)")
                    told = True
                if self.interrupts.sleep(pause):
                    return None
                pause = min(PAUSE_MAX, pause * 1.6)

    def connect(self) -> Any:
        """An open WebSocket that goes on behind the cursor; raises Break, or CliError when the grid refuses."""
        from websockets.exceptions import InvalidStatus, WebSocketException
        from websockets.sync.client import connect

        query = {"attempt": self.attempt, "stream": self.stream, "after_chunk": self.chunk or None}
        query["tail"] = None if self.seen else self.tail
        address = "ws" + self.api.grid.url.removeprefix("http") + "/api/v1/executions/"
        address += segment(self.execution) + "/logs/stream" + query_string(query)
        try:
            return connect(
                address,
                additional_headers={"Authorization": f"Bearer {self.api.grid.key}"},
                compression=None,
                max_size=FRAME_BYTES_MAX,
                max_queue=64,
                open_timeout=10,
                close_timeout=1,
                proxy=None,
                logger=_SILENT,
            )
        except InvalidStatus as refused:
            answer = refused.response
            reply = Reply(answer.status_code, answer.headers, bytes(answer.body or b""))  # type: ignore[arg-type]
            if answer.status_code >= 500 or answer.status_code == 429:
                raise Break(f"HTTP {answer.status_code}") from None
            raise self.api.problem(reply) from None
        except (OSError, WebSocketException) as broken:
            raise Break(why(broken)) from None

    def read(self, socket: Any) -> bool:
        """Read to the end frame; False when an interrupt came."""
        from websockets.exceptions import ConnectionClosed

        while True:
            if self.interrupts.pending:
                return False
            try:
                frame = socket.recv(LOOK_SECONDS)
            except TimeoutError:
                continue
            except (ConnectionClosed, EOFError, OSError) as gone:
                raise Break("the connection broke") from gone
            if isinstance(frame, bytes):
                self.take_chunk(frame)
            elif self.take_word(json.loads(frame)):
                return True

    def take_chunk(self, frame: bytes) -> None:
        """A chunk is taken once: behind the cursor it was here before, beyond the next one something is missing."""
        at = frame.index(b"\n")
        head = json.loads(frame[:at])
        if head["attempt"] != self.attempt:
            if self.attempt is not None and (self.only or head["attempt"] < self.attempt):
                return
            self.begin(head["attempt"])
        if head["chunk"] <= self.chunk:
            return
        if head["chunk"] != self.chunk + 1 and not self.stream and (self.seen or not self.tail):
            self.holes += head["chunk"] - self.chunk - 1
        self.chunk, self.seen = head["chunk"], True
        self.sink.chunk(head, memoryview(frame)[at + 1 :])

    def take_word(self, word: dict[str, Any]) -> bool:
        """A control frame; True when it is the end. Unknown ones are for newer clients."""
        kind = word.get("type")
        if kind == "attempt" and not (self.only and self.attempt != word["attempt"]):
            if word["attempt"] != self.attempt:
                self.begin(word["attempt"])
            self.sink.attempt(word)
        elif kind == "state":
            self.sink.state(word)
        elif kind == "gap":
            self.gaps.append(word)
            self.chunk, self.seen = max(self.chunk, int(word.get("to_chunk") or 0)), True
        elif kind == "error":
            self.refused(word.get("error") or {})
        elif kind == "end":
            self.end = word
        return kind == "end"

    def begin(self, attempt: int) -> None:
        """A new attempt counts its chunks anew."""
        self.attempt, self.chunk, self.seen, self.tail = attempt, 0, False, None if self.seen else self.tail

    def refused(self, error: dict[str, Any]) -> None:
        code, message = str(error.get("code", "STREAM_FAILED")), str(error.get("message", "The log stream failed."))
        if code in CODES_TRY_AGAIN:
            raise Break(message)
        body = json.dumps({"error": {**error, "code": code, "message": message}}).encode()
        status = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "NOT_FOUND": 404, "INVALID_REQUEST": 400}.get(code, 500)
        raise self.api.problem(Reply(status, _NO_HEADERS, body))

    def shortfall(self) -> str:
        """In words, what of the log did not arrive; empty when the count matches."""
        summary = (self.end or {}).get("log") or {}
        due = int(summary.get("chunks") or 0)
        if self.only and self.attempt != (self.end or {}).get("attempt"):
            due = 0
        missing = self.holes + (0 if self.stream else max(0, due - self.chunk))
        missing += sum(int(gap.get("to_chunk") or 0) - int(gap.get("from_chunk") or 0) + 1 for gap in self.gaps)
        reason = "; ".join(str(gap.get("why", "")) for gap in self.gaps)
        return f"{missing} of {due} log chunks did not arrive{f' ({reason})' if reason else ''}" if missing else ""


def check_complete(follower: Follower) -> None:
    """Raise CliError when the log is not whole."""
    if lacking := follower.shortfall():
        raise CliError(lacking + ".", f"The whole log: rgrid logs {follower.execution}", code="LOG_INCOMPLETE")


_NO_HEADERS = HTTPMessage()
_SILENT = logging.getLogger("rgrid.websocket")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False
