"""Who uses an environment on this machine: a lock that is shared by its users and had alone by who makes or removes it.

Locks are of the kernel: those of a process that is killed are gone with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 0.01, 0.25
FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def use(folder: Path) -> int | None:
    """A descriptor that keeps the environment `folder` from being removed until it is closed; None when it is not there.

    It says at the same time that it was used just now.
    """
    try:
        fd = os.open(folder, FLAGS)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        if os.stat(folder).st_ino == os.fstat(fd).st_ino:  # noqa: PTH116 (beside fstat)
            with contextlib.suppress(PermissionError):
                os.utime(fd)
            return fd
    except OSError:
        pass  # it is being removed
    os.close(fd)
    return None


def unused(folder: Path) -> int | None:
    """A descriptor that keeps others from using `folder`; None when somebody does."""
    try:
        fd = os.open(folder, FLAGS)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


@contextlib.asynccontextmanager
async def alone(path: Path) -> AsyncIterator[None]:
    """Wait to be the only one, of all processes, who works at what `path` stands for."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        pause = PAUSE_SECONDS_FIRST
        while not _taken(fd):
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
        yield
    finally:
        os.close(fd)


@contextlib.asynccontextmanager
async def together(folder: Path) -> AsyncIterator[None]:
    """Work in `folder` beside others; who wants it for itself (`unused`) gets it when all are done."""
    fd = os.open(folder, FLAGS)
    try:
        pause = PAUSE_SECONDS_FIRST
        while not _taken(fd, fcntl.LOCK_SH):
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
        yield
    finally:
        os.close(fd)


def _taken(fd: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(fd, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def busy(path: Path) -> bool:
    """Whether somebody works at what `path` stands for."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        return not _taken(fd)
    finally:
        os.close(fd)
