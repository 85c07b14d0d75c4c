"""An environment as one file: tar in zstd, alike for equal content."""

from __future__ import annotations

import hashlib
import os
import tarfile
from pathlib import Path
from typing import IO

import zstandard

from services.runner.bundles import Upload
from services.runner.environments.folder import OWN

NAME = "environment.tar.zst"
LEVEL = 3
PIECE_BYTES = 1024**2
MTIME = 315_532_800
"""1980: the beginning of time for zip files, which some packages are made into."""


def pack(folder: Path, path: Path) -> Upload:
    """Write `folder` to `path` without what each node writes for itself. Takes a while: run it in a thread. Raises OSError."""
    with path.open("wb") as raw:
        hashed = _Hashed(raw)
        with (
            zstandard.ZstdCompressor(LEVEL, threads=-1).stream_writer(hashed, closefd=False) as packed,  # type: ignore[arg-type]
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT, bufsize=PIECE_BYTES) as archive,
        ):
            _add(archive, folder, "")
        return Upload(path, hashed.digest.hexdigest(), raw.tell())


def _add(archive: tarfile.TarFile, folder: Path, below: str) -> None:
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = below + entry.name
        if name in OWN:
            continue
        info = tarfile.TarInfo(name)
        info.mtime = MTIME
        if entry.is_symlink():
            info.type, info.linkname = tarfile.SYMTYPE, os.readlink(entry.path)  # noqa: PTH115
            archive.addfile(info)
        elif entry.is_dir():
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(info)
            _add(archive, Path(entry.path), f"{name}/")
        else:
            with open(entry.path, "rb") as file:  # noqa: PTH123 (thousands of them)
                status = os.fstat(file.fileno())
                info.size, info.mode = status.st_size, 0o755 if status.st_mode & 0o100 else 0o644
                archive.addfile(info, file)


class _Hashed:
    """Writes through, and hashes what it writes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)

    def flush(self, *_: object) -> None:
        self._file.flush()
