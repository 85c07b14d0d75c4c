"""Which files must still be uploaded, and where to. The bytes themselves go through the blob door, not through here."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from gateway.described import errors, shape
from gateway.parts import CallerDep, PartsDep
from gateway.reading import answer
from gateway.schemas import BlobsBody
from services.runtime.messages import BlobRef

router = APIRouter(tags=["files"])


@router.post(
    "/blobs",
    response_class=Response,
    responses={
        200: shape(
            "A signed upload URL (PUT, 15 minutes) by SHA-256, for those that are missing.",
            {"missing": {"type": "object", "additionalProperties": {"type": "string"}}},
            {"missing": {"e3b0c442": "http://…/blobs/…?op=put&sig=…"}},
        ),
        **errors(413),
    },
)
async def missing(parts: PartsDep, caller: CallerDep, body: BlobsBody) -> Response:
    """Ask before uploading: what this account stored before is not uploaded again."""
    wanted = [BlobRef(each.sha256, each.size_bytes) for each in body.blobs]
    lacking = await parts.store.missing(caller.account, wanted)
    urls = {
        blob.sha256: parts.store.upload_url(caller.account, blob.sha256, blob.size_bytes, caller.key_id)
        for blob in lacking
    }
    return answer({"missing": urls})
