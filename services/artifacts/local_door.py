"""The blob door in front of a folder: blobs come whole, in bundles or in steps that can be resumed, and go from here."""

from __future__ import annotations

from domain.errors import Refused
from services.artifacts import bundles, downloads
from services.artifacts.door import DOCS, Door, Request
from services.artifacts.local import LocalStore
from services.artifacts.signing import Grant
from services.artifacts.uploads import Uploads


class LocalDoor(Door):
    """As Door, over a LocalStore."""

    def __init__(self, store: LocalStore, docs: str = DOCS) -> None:
        super().__init__(store.signer, docs)
        self._store = store
        self._uploads = Uploads(store)

    async def serve(self, request: Request, grant: Grant) -> None:
        match request.method, grant.op:
            case "PUT", _:
                created = await self._uploads.put(grant, request.zstd(grant, 0), request.receive)
                await request.answer(201 if created else 200, [("blob-complete", "1")])
            case "PATCH", _:
                offset = request.offset()
                zstd = request.zstd(grant, offset)
                await request.standing(grant, await self._uploads.patch(grant, offset, zstd, request.receive))
            case "HEAD", "put":
                await request.standing(grant, await self._uploads.offset(grant))
            case "POST", "bundle":
                await bundles.take(self._store, grant, request.receive)
                await request.answer(200, [("blob-complete", "1")])
            case "POST", "pick":
                await request.pick(self._store, grant)
            case "POST", _:
                raise Refused("Blobs of this store do not come in parts.", code="METHOD_NOT_ALLOWED")
            case _:
                await self._give(request, grant)

    async def _give(self, request: Request, grant: Grant) -> None:
        download = await self._store.run(lambda: downloads.opened(self._store, grant, request.headers))
        await request.begin(download.status, [*download.headers, ("content-length", str(download.length))])
        if request.method == "HEAD":
            await request.send({"type": "http.response.body", "body": b""})
            return
        async for piece, more in downloads.body(self._store, grant, download, request.receive):
            await request.send({"type": "http.response.body", "body": piece, "more_body": more})
