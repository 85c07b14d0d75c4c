"""What a script left behind, each file with a signed URL."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query
from starlette.responses import Response

from gateway.described import errors, shape
from gateway.kept import check_outputs
from gateway.parts import CallerDep, PartsDep
from gateway.reading import ExecutionId, MinSeq, answer, document, fresh, resolved
from services.artifacts.offers import pick
from services.runtime.messages import BlobRef

router = APIRouter(tags=["files"])
PAGE_ENTRIES = 500
ENTRIES_MAX = 10_000_000
MAYBE = {"type": ["string", "null"]}
EXAMPLE = {"path": "counts.csv", "size_bytes": 1024, "sha256": "e3b0…", "mode": 420, "url": "http://…/blobs/…?sig=…"}


@router.get(
    "/executions/{execution_id}/outputs",
    response_class=Response,
    responses={
        200: shape(
            "Files in the order of their paths. Many small ones can be had in one answer: POST the hashes in `pick.blobs`, a"
            " line each, to `pick.url`.",
            {"items": {"type": "array", "items": {"type": "object"}}, "next_cursor": MAYBE, "kept_until": MAYBE},
            {"items": [EXAMPLE], "next_cursor": None, "kept_until": "2026-12-20T14:02:00.000Z"},
            pick={"type": "object"},
        ),
        **errors(404, 409),
    },
)
async def outputs(
    parts: PartsDep,
    caller: CallerDep,
    execution_id: ExecutionId,
    cursor: Annotated[int, Query(ge=0, le=ENTRIES_MAX, description="next_cursor of the page before.")] = 0,
    min_seq: MinSeq = None,
) -> Response:
    """The files of its last attempt; the URLs serve 15 minutes, ask again for new ones."""
    await fresh(parts, min_seq)
    execution = await resolved(parts, caller, execution_id)
    doc = orjson.loads(await document(parts, caller, execution))
    check_outputs(doc)
    found: dict[str, Any] = doc.get("outputs") or {}
    entries = found.get("entries") or []
    if found.get("manifest"):
        entries = await parts.manifests.entries(caller.account, found["manifest"])
    page = entries[cursor : cursor + PAGE_ENTRIES]
    items = [
        {**entry, "url": parts.store.download_url(caller.account, entry["sha256"], caller.key_id)} for entry in page
    ]
    more = cursor + PAGE_ENTRIES < len(entries)
    following = str(cursor + PAGE_ENTRIES) if more else None
    made: dict[str, Any] = {"items": items, "next_cursor": following, "kept_until": doc.get("kept_until")}
    url, small = pick(parts.store, caller.account, [blob_of(entry) for entry in page], caller.key_id)
    if small:
        made["pick"] = {"url": url, "blobs": small}
    return answer(made)


def blob_of(entry: dict[str, Any]) -> BlobRef:
    return BlobRef(entry["sha256"], entry["size_bytes"])
