"""Files as values: what a script reads and writes, named by the hash of its content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.errors import Invalid

ENTRIES_INLINE_MAX = 256
"""A set of more files than this travels as a manifest blob, so that an event stays far below the message limit."""
FILES_MAX = 100_000
"""Of one execution, inputs or outputs: so many can still be listed, sorted and checked within seconds."""
MANIFEST_BYTES_MAX = 64 * 1024**2
PATH_BYTES_MAX = 4096
NAME_BYTES_MAX = 255


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
    """`path` itself, if it is relative, stays in its folder, has no other spelling and can be a file name.

    Raises Invalid otherwise: for `../a` and `/a`, also for `./a`, `a//b` and `a/`, which would be a second name of a file.
    """
    parts = path.split("/")
    if "\x00" in path or any(part in ("", ".", "..") for part in parts):
        raise Invalid(f"{path!r} is not a plain relative path inside the working directory", details={"path": path})
    try:
        lengths = [len(part.encode("utf-8", "surrogateescape")) for part in parts]
    except UnicodeEncodeError:
        raise Invalid(f"{path[:80]!r} cannot be a path: it holds half a character") from None
    if sum(lengths) + len(parts) - 1 > PATH_BYTES_MAX:
        raise Invalid(f"a path of more than {PATH_BYTES_MAX} bytes", details={"path": path[:80]})
    if max(lengths) > NAME_BYTES_MAX:
        raise Invalid(f"a file name of more than {NAME_BYTES_MAX} bytes", details={"path": path[:80]})
    return path


def checked_tree(paths: Sequence[str]) -> None:
    """Raise Invalid when two of the (checked) paths cannot both be: they are the same, or one is a folder of the other."""
    files = set(paths)
    if len(files) != len(paths):
        twice = next(path for path, count in Counter(paths).items() if count > 1)
        raise Invalid(f"Two files have the same path: {twice!r}", details={"path": twice})
    for path in paths:
        folder, _, _ = path.rpartition("/")
        while folder:
            if folder in files:
                raise Invalid(f"{folder!r} cannot be both a file and a folder", details={"path": folder})
            folder, _, _ = folder.rpartition("/")


def file_ref(data: dict[str, Any]) -> FileRef:
    """A FileRef out of its JSON form."""
    return FileRef(data["path"], data["sha256"], data["size_bytes"], data.get("mode", 0o644))
