"""The blob door: an ASGI application that takes and gives blobs to holders of signed URLs.

`…/<account>/<sha256>?op=…`: PUT takes a blob whole; HEAD (of an upload URL) says how far it got, PATCH goes on from there;
GET and HEAD (of a download URL) give it. `…/<account>/bundle?op=bundle`: POST takes many small ones.
It needs no key: the signature in the URL is the permission.
"""

from __future__ import annotations

import logging
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from domain.errors import Forbidden, Invalid, NotFound, Refused, RgridError
from services.artifacts import picks, refusals
from services.artifacts.bodies import ClientGone, Receive
from services.artifacts.signing import Grant, Signer
from services.artifacts.store import TOKEN, ArtifactStore

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

DOCS = "docs/errors.md"
NUMBER = re.compile(r"[0-9]{1,18}")
OPERATION_OF = {
    "PUT": ("put",),
    "PATCH": ("put",),
    "HEAD": ("put", "get"),
    "GET": ("get",),
    "POST": ("bundle", "finish", "pick"),
}
log = logging.getLogger(__name__)


class Door(ABC):
    """The ASGI application; the account and the hash are the last two parts of the path, wherever it is mounted."""

    def __init__(self, signer: Signer, docs: str = DOCS) -> None:
        self._signer = signer
        self._docs = docs

    @abstractmethod
    async def serve(self, request: Request, grant: Grant) -> None:
        """Do what `request` wants and `grant` allows. Raises RgridError, OSError, ClientGone."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        request = Request.of(scope, receive, send)
        try:
            await self.serve(request, self._grant(request))
        except ClientGone:
            return
        except RgridError as error:
            await self._refuse(request, error)
        except OSError as error:
            log.error("blob door, request %s: %s", request.id, error)
            await self._refuse(request, refusals.of_os_error(error))

    def _grant(self, request: Request) -> Grant:
        """What the URL allows, if that is what the method wants."""
        if request.method not in OPERATION_OF:
            raise Refused("The blob door knows GET, HEAD, PATCH, POST and PUT.", code="METHOD_NOT_ALLOWED")
        parts = request.path.split("/")
        if len(parts) < 2:
            raise NotFound("There is nothing here.")
        grant = self._signer.verified(parts[-2], parts[-1], request.query)
        if grant.op not in OPERATION_OF[request.method]:
            raise Forbidden(f"This URL is signed for op={grant.op}.", code="WRONG_OPERATION", details={"op": grant.op})
        return grant

    async def _refuse(self, request: Request, error: RgridError) -> None:
        """Say what is wrong; once the headers are gone, only a broken connection can say it."""
        if request.begun:
            log.error("blob door, request %s: download broken off: %s", request.id, error.message)
            return
        await request.answer(*refusals.response(error, request.id, self._docs))


@dataclass(slots=True)
class Request:
    """One request and its answer."""

    method: str
    path: str
    query: bytes
    headers: dict[str, str]
    id: str
    receive: Receive
    send: Send
    begun: bool = False

    @classmethod
    def of(cls, scope: Scope, receive: Receive, send: Send) -> Request:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        known = headers.get("x-request-id", "")
        request_id = known if TOKEN.fullmatch(known) else f"req_{secrets.token_hex(8)}"
        return cls(scope["method"], scope["path"], scope["query_string"], headers, request_id, receive, send)

    def offset(self) -> int:
        """Where a PATCH says it goes on."""
        text = self.headers.get("upload-offset", "")
        if not NUMBER.fullmatch(text):
            raise Invalid("A PATCH says in Upload-Offset at which byte of the content it goes on.")
        return int(text)

    def zstd(self, grant: Grant, offset: int) -> bool:
        """The body is zstd frames. Refuses other encodings, and a plain body that is announced to be too long."""
        encoding = self.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "zstd"):
            raise Refused("The blob door takes Content-Encoding: zstd, or none.", code="ENCODING_UNKNOWN")
        length = self.headers.get("content-length", "")
        if encoding == "identity" and NUMBER.fullmatch(length) and offset + int(length) > grant.size_bytes:
            details = {"expected": grant.size_bytes, "got": offset + int(length)}
            raise Invalid(
                f"More comes than the announced {grant.size_bytes} bytes.", code="BLOB_TOO_LARGE", details=details
            )
        return encoding == "zstd"

    async def pick(self, store: ArtifactStore, grant: Grant) -> None:
        """Give the small blobs of the list in the body."""
        hashes = await picks.asked_for(grant, self.receive)
        await self.begin(200, [("content-type", "application/octet-stream")])
        async for piece in picks.given(store, grant.account, hashes):
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        await self.send({"type": "http.response.body", "body": b""})

    async def standing(self, grant: Grant, offset: int | None) -> None:
        """Say how far an upload is."""
        if offset is None:
            await self.answer(200, [("blob-complete", "1"), ("upload-offset", str(grant.size_bytes))])
        else:
            await self.answer(204, [("upload-offset", str(offset))])

    async def begin(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Send the head of the answer."""
        fields = [
            *headers,
            ("x-request-id", self.id),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "private"),
        ]
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
        self.begun = True
        await self.send({"type": "http.response.start", "status": status, "headers": raw})

    async def answer(self, status: int, headers: list[tuple[str, str]], body: bytes = b"") -> None:
        """Send a whole, short answer."""
        length = [] if status == 204 else [("content-length", str(len(body)))]
        await self.begin(status, [*headers, *length])
        await self.send({"type": "http.response.body", "body": body})
