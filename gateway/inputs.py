"""The list of many inputs, which comes as a blob: read within bounds and checked as if it had come in the request."""

from __future__ import annotations

import asyncio

from pydantic import TypeAdapter, ValidationError

from domain.errors import Invalid
from domain.files import checked_tree
from gateway.manifests import read_manifest
from gateway.schemas import FileBody, SubmitBody
from services.artifacts.store import ArtifactStore
from services.runtime.messages import BlobRef

_FILES: TypeAdapter[list[FileBody]] = TypeAdapter(list[FileBody])


async def listed_inputs(store: ArtifactStore, account: str, body: SubmitBody) -> list[BlobRef]:
    """The blobs of the manifest; raises Invalid when it does not read, or does not have the count and bytes it should."""
    assert body.inputs_manifest is not None
    content = await read_manifest(store, account, body.inputs_manifest)
    return await asyncio.to_thread(_checked, content, body)


def _checked(content: bytes, body: SubmitBody) -> list[BlobRef]:
    """Takes seconds for a long list: run it in a thread."""
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
