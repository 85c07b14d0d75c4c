"""Starts child processes that die with us, whatever kills us: no part of the grid may outlive its supervisor."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | str = "/",
    death_signal: int = signal.SIGKILL,
    user: pwd.struct_passwd | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, its output appended to `log`; it gets `death_signal` when we vanish.

    The kernel watches the *thread* that spawned, so this must be called from the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("Children are spawned from the main thread, or they die with the wrong one.")
    output = open_log(log) if log else subprocess.DEVNULL
    try:
        return subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=None if env is None else dict(env),
            cwd=cwd,
            preexec_fn=_bind_to_parent(death_signal),
            **as_user(user),
        )
    finally:
        if output != subprocess.DEVNULL:
            os.close(output)


def as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """The arguments that make subprocess run as `user`; none when there is nothing to drop."""
    return {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def open_log(path: Path) -> int:
    """Append to `path`, mode 0600 when new."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def stop(process: subprocess.Popen[bytes], first: int, *, patience_seconds: float) -> int:
    """Send `first`, wait, then SIGKILL; the return code."""
    if process.poll() is None:
        process.send_signal(first)
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def _bind_to_parent(death_signal: int) -> Callable[[], None]:
    parent = os.getpid()

    def bind() -> None:
        """Runs after subprocess changed the user: changing it later would clear the death signal again."""
        os.setsid()
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        _libc.prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:
            os._exit(1)

    return bind
