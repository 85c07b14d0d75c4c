"""What every request passes before a route sees it: an id, a bound on its body, and the end of every unexpected error."""

from __future__ import annotations

import logging
import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import error_response

BODY_BYTES_MAX = 4 * 1024**2
"""Of an API request; blobs go through their own door, which streams."""
DRAINED_BYTES_MAX = 128 * 1024**2
"""So much of a body that is too large is read and thrown away, so that its sender hears why it was refused."""
REQUEST_ID = re.compile(rb"^[A-Za-z0-9_-]{8,64}$")

log = logging.getLogger("rgrid.gateway")


class RequestIds:
    """Gives each request an id (its own `X-Request-Id`, if it is a sane one) and answers 500 when a route breaks."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        request_id = _given_id(scope) or f"req_{secrets.token_hex(8)}"
        scope.setdefault("state", {})["request_id"] = request_id
        started = False

        async def send_with_id(message: Message) -> None:
            nonlocal started
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                started = True
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        except Exception:
            log.exception("%s %s broke", request_id, scope["path"])
            if started or scope["type"] == "websocket":
                raise
            message = "Something broke inside the gateway. Its log has the details under this request id."
            await error_response("INTERNAL", message, request_id)(scope, receive, send_with_id)


def _given_id(scope: Scope) -> str:
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if REQUEST_ID.match(given) else ""


class Beside:
    """Hands what lies below `prefix` to `door`, past everything that is for the API: ten thousand small files feel it."""

    def __init__(self, app: ASGIApp, prefix: str, door: ASGIApp) -> None:
        self.app = app
        self.prefix, self.door = prefix, door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        below = scope["type"] in ("http", "websocket") and scope["path"].startswith(self.prefix)
        await (self.door if below else self.app)(scope, receive, send)


class BodyLimit:
    """Refuses a body of more than BODY_BYTES_MAX with 413, before it is in memory."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > BODY_BYTES_MAX:
                while message.get("more_body") and received < DRAINED_BYTES_MAX:  # or the answer is lost in a reset
                    message = await receive()
                    received += len(message.get("body", b""))
                raise HTTPException(413, f"The body has more than {BODY_BYTES_MAX} bytes.")
            return message

        await self.app(scope, bounded, send)
