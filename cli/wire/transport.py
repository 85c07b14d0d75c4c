"""Requests to the gateway over one keep-alive connection, and every way they fail, in words a person can act on."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from .. import __version__
from ..errors import CliError, NotSignedIn, Unreachable, UsageProblem
from ..terminal.screen import warn
from .grid import EMBEDDED, Grid, running
from .reply import Reply, is_away, is_web_page, may_repeat, retry_after, why

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 60.0
BUSY_SECONDS_MAX = 60.0
AWAY_SECONDS_MAX = 20.0
"""How long a gateway that was there may be away: its supervisor starts it again within seconds."""
AWAY_PAUSE_SECONDS = 0.2
LOCAL_KEY = (
    "The key of the grid of this home is in its file credentials. Have it written anew: rgrid down, then rgrid up -d"
)
BROKEN = (http.client.HTTPException, ConnectionError, TimeoutError, OSError)


def connection(url: str, timeout: float = ANSWER_SECONDS) -> http.client.HTTPConnection:
    """An unopened connection to the host of `url`."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname or "", parts.port, timeout=timeout)


class Api:
    """The gateway's `/api/v1`. Every call raises a CliError when it cannot answer."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self._wire = connection(grid.url)
        self._answered = False

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path + query_string(query)).json()

    def post(self, path: str, body: Any = None, *, headers: dict[str, str] | None = None) -> Any:
        """One request, however often it has to be sent: the key says so to the grid."""
        sent = {"Idempotency-Key": os.urandom(16).hex()} | (headers or {})
        return self.call("POST", path, {} if body is None else body, sent).json()

    def delete(self, path: str) -> Any:
        reply = self.call("DELETE", path)
        return reply.json() if reply.body else {}

    def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None, *, patient: bool = True
    ) -> Reply:
        """Send, and while the gateway says it is busy (429, 503) send again, for at most BUSY_SECONDS_MAX.

        `patient`: a gateway that is away for a moment is waited for as well.
        """
        deadline, told = time.monotonic() + BUSY_SECONDS_MAX, False
        send = self._ride_out if patient else self._once
        while True:
            reply = send(method, path, body, headers)
            if reply.status < 300:
                return self._checked_json(reply)
            error = self.problem(reply)
            pause = retry_after(reply)
            busy = reply.status in (429, 503) or is_away(error.code)
            if not busy or time.monotonic() + pause > deadline:
                raise error
            if not told:
                warn(f"{error.message} Trying again for up to {BUSY_SECONDS_MAX:.0f} s.")
                told = True
            time.sleep(pause)

    def stream(self, path: str, **query: Any) -> Iterator[bytes]:
        """The body of a long answer, piece by piece; raises CliError when it breaks off."""
        wire = connection(self.grid.url)
        try:
            wire.request("GET", "/api/v1" + path + query_string(query), headers=self.headers())
            answer = wire.getresponse()
            if answer.status >= 300:
                raise self.problem(Reply(answer.status, answer.headers, answer.read()))
            while piece := answer.read1(1 << 17):
                yield piece
        except BROKEN as broken:
            raise self.unreachable(broken) from broken
        finally:
            wire.close()

    def headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.grid.key}",
            "Accept": "application/json",
            "User-Agent": f"rgrid/{__version__}",
        }

    @property
    def expected(self) -> bool:
        """Whether a gateway that does not answer is one that was there, and is waited for."""
        return self._answered or (self.grid.source == EMBEDDED and bool(running()))

    def _ride_out(self, method: str, path: str, body: Any, headers: dict[str, str] | None) -> Reply:
        """Send again while a gateway that somebody starts anew is away; says so once. Never sends twice what may not be."""
        deadline, told = time.monotonic() + AWAY_SECONDS_MAX, False
        while True:
            try:
                return self._once(method, path, body, headers)
            except Unreachable as away:
                expected = self.expected
                unsent = isinstance(away.__cause__, ConnectionRefusedError)
                if not expected or not (unsent or may_repeat(method, headers)) or time.monotonic() > deadline:
                    raise
                if not told:
                    warn(f"The grid does not answer ({why(away.__cause__)}); trying again for {AWAY_SECONDS_MAX:.0f} s")
                    told = True
                time.sleep(AWAY_PAUSE_SECONDS)

    def _once(self, method: str, path: str, body: Any, headers: dict[str, str] | None) -> Reply:
        """One exchange; a kept-alive connection that the other side closed meanwhile is opened anew, once."""
        data = None if body is None else json.dumps(body).encode()
        sent = self.headers() | ({"Content-Type": "application/json"} if data is not None else {}) | (headers or {})
        for fresh in (self._wire.sock is None, True):
            try:
                if self._wire.sock is None:
                    self._wire.timeout = CONNECT_SECONDS
                    self._wire.connect()
                    self._wire.sock.settimeout(ANSWER_SECONDS)  # type: ignore[attr-defined]
                self._wire.request(method, "/api/v1" + path, body=data, headers=sent)
                answer = self._wire.getresponse()
                body_read = answer.read()
                self._answered = True
                return Reply(answer.status, answer.headers, body_read)
            except BROKEN as broken:
                self._wire.close()
                if fresh:
                    raise self.unreachable(broken) from broken
        raise AssertionError("the second round is always fresh")

    def _checked_json(self, reply: Reply) -> Reply:
        if reply.body and is_web_page(reply):
            raise self.web_page()
        return reply

    def problem(self, reply: Reply) -> CliError:
        """What an answer outside 2xx means."""
        if is_web_page(reply):
            return self.web_page()
        try:
            error = reply.json()["error"]
            message, code = str(error["message"]), str(error["code"])
        except (ValueError, KeyError, TypeError):
            error = {}
            message, code = f"The grid at {self.grid.url} answered HTTP {reply.status}.", "BAD_ANSWER"
        hint = str((error.get("details") or {}).get("hint", ""))
        if reply.status in (401, 403):
            local = LOCAL_KEY if self.grid.source == EMBEDDED and not os.environ.get("RGRID_API_KEY") else ""
            how = (
                local
                or hint
                or "Sign in: export RGRID_API_KEY=rgk_…      Make a key where you are signed in: rgrid keys create"
            )
            return NotSignedIn(message, how, code=code, answer=error)
        ours = reply.status >= 500 or reply.status in (408, 425, 429) or is_away(code)
        kind = CliError if ours else UsageProblem
        return kind(message, hint, code=code, answer=error)

    def web_page(self) -> CliError:
        return Unreachable(
            f"{self.grid.url} answered with a web page, not with rgrid's API.",
            f"Is a proxy in between? The address was set by {self.grid.source}.      Check this set-up: rgrid doctor",
            code="NOT_RGRID",
        )

    def unreachable(self, broken: BaseException) -> Unreachable:
        local = "" if self.grid.source == EMBEDDED else f"It was set by {self.grid.source}. "
        return Unreachable(
            f"No grid answers at {self.grid.url} ({why(broken)}).",
            f"{local}Start a local one: rgrid up      Check this set-up: rgrid doctor",
        )


def query_string(query: dict[str, Any]) -> str:
    """`?a=1&tag=x&tag=y`; what is None, empty or False is left out."""
    pairs = [(name, value) for name, value in query.items() if value not in (None, "", False, [], ())]
    return "?" + urlencode(pairs, doseq=True) if pairs else ""


def segment(text: str) -> str:
    """`text` as one segment of a path."""
    return quote(text, safe="@")
