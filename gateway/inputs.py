"""The list of many inputs, which comes as a blob: read within bounds and checked as if it had come in the request."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from domain.errors import Invalid
from domain.files import MANIFEST_BYTES_MAX, checked_tree
from gateway.schemas import FileBody, SubmitBody
from services.artifacts.store import ArtifactStore
from services.runtime.messages import BlobRef

_FILES: TypeAdapter[list[FileBody]] = TypeAdapter(list[FileBody])


async def read_manifest(store: ArtifactStore, account: str, sha256: str) -> bytes:
    """The content of a manifest blob; raises Invalid when it is too large, NotFound."""
    content = bytearray()
    async for piece in store.open(account, sha256):
        content += piece
        if len(content) > MANIFEST_BYTES_MAX:
            raise Invalid(f"A manifest of more than {MANIFEST_BYTES_MAX} bytes", details={"manifest": sha256})
    return bytes(content)


async def listed_inputs(store: ArtifactStore, account: str, body: SubmitBody) -> list[BlobRef]:
    """The blobs of the manifest; raises Invalid when it does not read, or does not have the count and bytes it should."""
    assert body.inputs_manifest is not None
    content = await read_manifest(store, account, body.inputs_manifest)
    try:
        files = _FILES.validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"The manifest of the inputs does not read: {where}: {first['msg']}") from error
    total = sum(each.size_bytes for each in files)
    if (len(files), total) != (body.inputs_count, body.inputs_size_bytes):
        raise Invalid(f"The manifest lists {len(files)} files of {total} bytes, the request says otherwise.")
    checked_tree([body.script.path, *(each.path for each in files)])
    return [BlobRef(each.sha256, each.size_bytes) for each in files]


async def manifest_entries(store: ArtifactStore, account: str, sha256: str) -> list[dict[str, Any]]:
    """The entries of a manifest that we stored ourselves."""
    entries: list[dict[str, Any]] = orjson.loads(await read_manifest(store, account, sha256))
    return entries
