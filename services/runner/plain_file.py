"""Opens what a script left, whatever it has become since it was looked at: a link, a FIFO, something else of that name.

The processes of an attempt are gone when its files are read; but with the network of the node a script can have handed
its folder to another one, which still runs.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

CAREFULLY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Follow no link, wait for nobody who would write into a FIFO, and hand it to no child."""


class Changed(OSError):
    """It is not what it was when it was hashed."""


def opened(path: Path, size_bytes: int) -> int:
    """A descriptor of a regular file of `size_bytes`, to read from. Raises OSError (Changed) when it is anything else."""
    return plain(os.open(path, os.O_RDONLY | CAREFULLY), size_bytes, path.name)


def plain(fd: int, size_bytes: int, name: str) -> int:
    """`fd` itself, if it is a regular file of `size_bytes`; otherwise it is closed and Changed raised."""
    status = os.fstat(fd)
    if stat.S_ISREG(status.st_mode) and status.st_size == size_bytes:
        return fd
    os.close(fd)
    raise Changed(None, f"{name} has changed since the script ended")


def content(path: Path, size_bytes: int) -> bytes:
    """The bytes of a regular file of `size_bytes`, never more. Raises OSError."""
    fd = opened(path, size_bytes)
    try:
        return stretch(fd, 0, size_bytes)
    finally:
        os.close(fd)


def stretch(fd: int, offset: int, length: int) -> bytes:
    """`length` bytes from `offset` on, fewer only at the end of the file."""
    data = bytearray()
    while len(data) < length and (piece := os.pread(fd, length - len(data), offset + len(data))):
        data += piece
    return bytes(data)


def entered(fd: int, name: str, flags: int, mode: int) -> int:
    """Open `name` in the folder `fd`; where its mode forbids that, `mode` is added to it, whatever it is called by then.

    Raises OSError, also when it is a link.
    """
    try:
        return os.open(name, flags | CAREFULLY, dir_fd=fd)
    except PermissionError:
        handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=fd)
    try:
        itself = f"/proc/self/fd/{handle}"
        Path(itself).chmod(stat.S_IMODE(os.fstat(handle).st_mode) | mode)
        return os.open(itself, flags | (CAREFULLY & ~os.O_NOFOLLOW))
    finally:
        os.close(handle)
