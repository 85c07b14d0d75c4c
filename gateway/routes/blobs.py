"""Which files must still be uploaded, and where to. The bytes themselves go through the blob door, not through here."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from gateway.described import errors, shape
from gateway.parts import CallerDep, PartsDep
from gateway.reading import answer
from gateway.schemas import BlobsBody
from services.artifacts import bundling
from services.runtime.messages import BlobRef

router = APIRouter(tags=["files"])


@router.post(
    "/blobs",
    response_class=Response,
    responses={
        200: shape(
            "A signed upload URL (PUT, 15 minutes) by SHA-256, for those that are missing. With `bundle` in the request the"
            " small ones are named in `bundle.blobs` instead: POST them to `bundle.url` as a sequence of SHA-256 (32 bytes),"
            " length (8 bytes, big-endian) and content, at most `bytes_max` a request.",
            {"missing": {"type": "object", "additionalProperties": {"type": "string"}}},
            {"missing": {"e3b0c442": "http://…/blobs/…?op=put&sig=…"}},
            bundle={"type": "object"},
        ),
        **errors(413),
    },
)
async def missing(parts: PartsDep, caller: CallerDep, body: BlobsBody) -> Response:
    """Ask before uploading: what this account stored before is not uploaded again."""
    wanted = [BlobRef(each.sha256, each.size_bytes) for each in body.blobs]
    lacking = await parts.store.missing(caller.account, wanted)
    small = bundling.worthwhile(lacking) if body.bundle else {}
    urls = {
        blob.sha256: parts.store.upload_url(caller.account, blob.sha256, blob.size_bytes, caller.key_id)
        for blob in lacking
        if blob.sha256 not in small
    }
    if not small:
        return answer({"missing": urls})
    bundle = parts.store.bundle_url(caller.account, bundling.BYTES_MAX, caller.key_id)
    return answer({"missing": urls, "bundle": {"url": bundle, "bytes_max": bundling.BYTES_MAX, "blobs": list(small)}})
