"""Whether the files that a request names are stored, with the sizes it says: nothing is accepted that could not run."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter, ValidationError

from domain.errors import Conflict, Invalid
from domain.files import FileRef, FileSet, checked_tree
from gateway.manifests import read_manifest
from gateway.schemas import FileBody
from services.artifacts.store import ArtifactStore
from services.runtime.messages import BlobRef

MISSING_SHOWN = 1000
WRONG_SHOWN = 10
_FILES: TypeAdapter[list[FileBody]] = TypeAdapter(list[FileBody])


async def check_files(store: ArtifactStore, account: str, script: FileRef, files: FileSet) -> list[FileRef]:
    """The files of the set, also those that its manifest lists.

    Raises Conflict (BLOBS_MISSING), Invalid (SIZE_MISMATCH, or a manifest that does not read or is not what the set says).
    """
    named = blobs_of([script, *files.entries])
    if files.manifest is None:
        await check_blobs(store, account, named)
        return list(files.entries)
    await _check_there(store, account, [*named, BlobRef(files.manifest, 0)])
    content = await read_manifest(store, account, files.manifest)
    listed = await asyncio.to_thread(_listed, content, files, script.path)
    await check_blobs(store, account, [*named, *blobs_of(listed)])
    return listed


async def check_blobs(store: ArtifactStore, account: str, blobs: Sequence[BlobRef]) -> None:
    """Raises Conflict (BLOBS_MISSING), naming what must be uploaded first, and Invalid (SIZE_MISMATCH)."""
    await _check_there(store, account, blobs)
    if wrong := await store.of_other_size(account, blobs):
        named = ", ".join(f"{blob.sha256[:12]}… ({blob.size_bytes:,})" for blob in wrong[:WRONG_SHOWN])
        message = f"{len(wrong)} of the files have another size than the request says: {named}."
        raise Invalid(message, code="SIZE_MISMATCH", details={"sha256": [blob.sha256 for blob in wrong[:WRONG_SHOWN]]})


async def _check_there(store: ArtifactStore, account: str, blobs: Sequence[BlobRef]) -> None:
    missing = await store.missing(account, blobs)
    if missing:
        message = (
            f"{len(missing)} of the files are not stored yet. Upload them first: POST /api/v1/blobs gives the URLs."
        )
        shown = [blob.sha256 for blob in missing[:MISSING_SHOWN]]
        raise Conflict(message, code="BLOBS_MISSING", details={"missing": shown, "count": len(missing)})


def blobs_of(files: Iterable[FileRef]) -> list[BlobRef]:
    return [BlobRef(each.sha256, each.size_bytes) for each in files]


def _listed(content: bytes, files: FileSet, script_path: str) -> list[FileRef]:
    """Takes seconds for a long list: run it in a thread."""
    try:
        bodies = _FILES.validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"The manifest of the inputs does not read: {where}: {first['msg']}") from error
    total = sum(each.size_bytes for each in bodies)
    if (len(bodies), total) != (files.count, files.size_bytes):
        raise Invalid(f"The manifest lists {len(bodies)} files of {total} bytes, the request says otherwise.")
    checked_tree([script_path, *(each.path for each in bodies)])
    return [each.ref() for each in bodies]
