"""Files as values: what a script reads and writes, named by the hash of its content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from domain.errors import Invalid

ENTRIES_INLINE_MAX = 256
"""A set of more files than this travels as a manifest blob, so that an event stays far below the message limit."""
PATH_BYTES_MAX = 4096


@dataclass(frozen=True, slots=True)
class FileRef:
    """One file: relative POSIX path, SHA-256 of the content (hex), size in bytes, permission bits (only 0o111 is kept)."""

    path: str
    sha256: str
    size_bytes: int
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class FileSet:
    """Several files: inline `entries`, or (beyond ENTRIES_INLINE_MAX) a `manifest` blob, a JSON list of entries."""

    count: int = 0
    size_bytes: int = 0
    entries: tuple[FileRef, ...] = ()
    manifest: str | None = None
    """SHA-256 of the manifest blob, when the entries are not inline."""


def file_set(entries: tuple[FileRef, ...], manifest: str | None = None) -> FileSet:
    """The set of `entries`; they are left out of it when a manifest holds them."""
    total = sum(entry.size_bytes for entry in entries)
    return FileSet(len(entries), total, () if manifest else entries, manifest)


def checked_path(path: str) -> str:
    """`path` itself, if it is relative, stays in its folder and can be a file name; raises Invalid otherwise."""
    parts = PurePosixPath(path).parts
    if not path or path.startswith("/") or ".." in parts or "\x00" in path or not parts:
        raise Invalid(f"{path!r} is not a relative path inside the working directory", details={"path": path})
    try:
        length = len(path.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise Invalid(f"{path[:80]!r} cannot be a path: it holds half a character") from None
    if length > PATH_BYTES_MAX:
        raise Invalid(f"a path of more than {PATH_BYTES_MAX} bytes", details={"path": path[:80]})
    return path


def file_ref(data: dict[str, Any]) -> FileRef:
    """A FileRef out of its JSON form."""
    return FileRef(data["path"], data["sha256"], data["size_bytes"], data.get("mode", 0o644))
