"""One supervisor per home: a lock that the kernel drops with its holder, and who holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from services.local.home import Home, read_json
from services.local.identity import Identity, identify, identity_from
from services.local.problem import Problem

LOCK_TEXT = '{{"pid": {0.pid}, "started_ticks": {0.started_ticks}, "boot": "{0.boot}"}}\n'


class AlreadyUp(Problem):
    """Another supervisor holds this home."""

    code = "ALREADY_UP"


@contextmanager
def hold(home: Home) -> Iterator[Callable[[], bool]]:
    """Hold the lock of `home` and write into it who we are; yields whether the home is still that one. Raises AlreadyUp."""
    descriptor = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyUp(f"A grid of {home.root} is up or starting already.", fix="See it: rgrid doctor") from error
        me = identify(os.getpid())
        os.ftruncate(descriptor, 0)
        os.write(descriptor, LOCK_TEXT.format(me).encode())
        yield lambda: _is_at(descriptor, home)
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _is_at(descriptor: int, home: Home) -> bool:
    """False when the home was removed, or removed and made anew, while we held its lock."""
    try:
        return os.path.samestat(os.fstat(descriptor), home.lock.stat())
    except OSError:
        return False


def holder(home: Home) -> Identity | None:
    """The supervisor of `home` that runs now; None also for a lock file left by one that was killed."""
    written = identity_from(read_json(home.lock))
    return written if written and written.alive() else None


def running_grid(home: Home) -> dict[str, Any] | None:
    """What grid.json says of the grid of the supervisor that runs now; None while there is none, or another wrote it."""
    supervisor, found = holder(home), read_json(home.grid)
    if supervisor is None or not found or found.get("pid") != supervisor.pid:
        return None
    return found if all(isinstance(found.get(name), str) for name in ("api_url", "started_at", "sandbox")) else None
