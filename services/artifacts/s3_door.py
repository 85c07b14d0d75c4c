"""The blob door in front of S3: it takes small blobs, many or whole, and verifies what went straight to S3 in parts."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from domain.errors import Refused
from services.artifacts import bundles
from services.artifacts.bodies import Receive, Writer, pour
from services.artifacts.door import DOCS, Door, Request
from services.artifacts.parts import Part
from services.artifacts.s3 import S3Store
from services.artifacts.signing import Grant

VERIFYING = 202


class S3Door(Door):
    """As Door, over an S3Store: PUT takes a blob whole, POST takes bundles (op=bundle) and ends uploads (op=finish)."""

    def __init__(self, store: S3Store, docs: str = DOCS) -> None:
        super().__init__(store.signer, docs)
        self._store = store
        self._objects, self._parts = store.objects, store.multipart

    async def serve(self, request: Request, grant: Grant) -> None:
        match request.method, grant.op:
            case "PUT", _:
                await self._put(grant, request.zstd(grant, 0), request.receive)
                await request.answer(201, [("blob-complete", "1")])
            case "POST", "bundle":
                await bundles.take_into(self._objects, grant, request.receive)
                await request.answer(200, [("blob-complete", "1")])
            case "POST", "pick":
                await request.pick(self._store, grant)
            case "POST", _:
                done = await self._parts.finish(grant)
                if done is None:
                    await request.answer(200, [("blob-complete", "1")])
                else:
                    await request.answer(VERIFYING, [("blob-verified", str(done))])
            case "HEAD", "put":
                stored = await self._objects.run(lambda: self._objects.stored_size(grant.account, grant.sha256))
                await request.standing(grant, None if stored is not None else 0)
            case _:
                message = "Blobs come from the S3 store itself, and go there in parts; ask for URLs with parts."
                raise Refused(message, code="METHOD_NOT_ALLOWED")

    async def _put(self, grant: Grant, zstd: bool, receive: Receive) -> None:
        """Through a file beside: S3 gets what was verified, and nothing else."""
        with tempfile.TemporaryDirectory(prefix="rgrid-put-") as name:
            part = Part(Path(name) / "blob", grant.size_bytes)

            def step(piece: bytes, last: bool) -> bool | None:
                part.write(piece, zstd)
                if not last:
                    return None
                part.seal(grant.sha256)
                return True

            try:
                await pour(receive, self._objects.start, step, Writer())
                await self._objects.run(partial(self._objects.put_file, grant.account, grant.sha256, part.path))
            finally:
                await self._objects.run(part.drop)
