"""Sets of more files than an event should carry: a blob, the JSON list of their entries."""

from __future__ import annotations

import orjson

from domain.files import FileRef, file_ref


def encode(entries: tuple[FileRef, ...]) -> bytes:
    """The manifest blob."""
    return orjson.dumps(
        [{"path": e.path, "sha256": e.sha256, "size_bytes": e.size_bytes, "mode": e.mode} for e in entries]
    )


def decode(blob: bytes) -> tuple[FileRef, ...]:
    """The entries of a manifest blob; raises ValueError, KeyError or TypeError when it is not one."""
    return tuple(file_ref(entry) for entry in orjson.loads(blob))
