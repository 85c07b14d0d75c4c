"""Which files must still be uploaded, and where to. The bytes themselves go through the blob door, not through here."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from gateway.described import errors, shape
from gateway.parts import CallerDep, PartsDep
from gateway.reading import answer
from gateway.schemas import BlobsBody
from services.artifacts.offers import offer
from services.runtime.messages import BlobRef
from services.runtime.plain import to_plain

router = APIRouter(tags=["files"])


@router.post(
    "/blobs",
    response_class=Response,
    responses={
        200: shape(
            "A signed upload URL (PUT, 15 minutes) by SHA-256, for those that are missing. With `bundle` in the request the"
            " small ones are named in `bundle.blobs` instead: POST them to `bundle.url` as a sequence of SHA-256 (32 bytes),"
            " length (8 bytes, big-endian) and content, at most `bytes_max` and 1,000 blobs a request. With `parts` in the"
            " request large ones may be in `parts` instead: PUT the parts to `urls`, by number; when none is left POST to"
            " `finish`, which answers 202 as long as the blob is being verified and 200 when it is stored.",
            {"missing": {"type": "object", "additionalProperties": {"type": "string"}}},
            {"missing": {"e3b0c442": "http://…/blobs/…?op=put&sig=…"}},
            bundle={"type": "object"},
            parts={"type": "object"},
        ),
        **errors(413),
    },
)
async def missing(parts: PartsDep, caller: CallerDep, body: BlobsBody) -> Response:
    """Ask before uploading: what this account stored before is not uploaded again."""
    wanted = [BlobRef(each.sha256, each.size_bytes) for each in body.blobs]
    found = await offer(parts.store, caller.account, wanted, caller.key_id, bundles=body.bundle, parts=body.parts)
    doc: dict[str, Any] = {"missing": found.urls}
    if found.bundled:
        doc["bundle"] = {"url": found.bundle, "bytes_max": found.bytes_max, "blobs": found.bundled}
    if found.parts:
        doc["parts"] = {sha256: to_plain(given) for sha256, given in found.parts.items()}
    return answer(doc)
