"""Small verified blobs into a folder, many at once: written beside, put on the disk together, then named. All of it blocks."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from services.artifacts.disk import sync_all
from services.artifacts.local import LocalStore


def written(store: LocalStore, account: str, sha256: str, content: bytes) -> Path:
    """`content` in a file beside the blobs, not on the disk yet, for `adopt` to make a blob of. Raises OSError."""
    path = store.parts_folder(account) / f"{sha256}.{secrets.token_hex(8)}"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb", buffering=0) as file:
            view = memoryview(content)
            while view:
                view = view[file.write(view) :]
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path


def adopt(store: LocalStore, account: str, files: Mapping[str, Path]) -> None:
    """Make blobs of `files` (by hash), all of which are on the disk when it returns. Raises OSError."""
    if not files:
        return
    targets = {sha256: store.path_of(account, sha256) for sha256 in files}
    sync_all(files.values(), store.folder)
    for folder in {path.parent for path in targets.values()}:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for sha256, path in files.items():
        path.rename(targets[sha256])
    sync_all({parent for path in targets.values() for parent in path.parents[:3]}, store.folder)
