"""Makes what a tool left fit to be shared: readable by every script, and nothing in it leads out."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from services.runner.environments.failures import Unbuildable


def tidy(folder: Path) -> None:
    """Modes 0755 and 0644, ours, scripts for any place. Raises Unbuildable for links that leave and for what is no file."""
    top = os.path.realpath(folder)
    _mode(str(folder), folder.lstat())
    for where, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = f"{where}/{name}"
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                _check_link(path, top)
            elif stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
                _mode(path, status)
            else:
                raise Unbuildable(f"{os.path.relpath(path, top)} is neither a file nor a folder")


def _mode(path: str, status: os.stat_result) -> None:
    wanted = 0o755 if stat.S_ISDIR(status.st_mode) or status.st_mode & 0o100 else 0o644
    if status.st_uid != os.geteuid() or status.st_gid != os.getegid():
        os.chown(path, os.geteuid(), os.getegid(), follow_symlinks=False)
    if stat.S_IMODE(status.st_mode) != wanted:
        os.chmod(path, wanted)  # noqa: PTH101 (thousands of them)


def _check_link(path: str, top: str) -> None:
    goal = os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path)))  # noqa: PTH115, PTH118, PTH120
    real = os.path.realpath(path)
    if os.path.isabs(os.readlink(path)) or not all(each.startswith(top + "/") for each in (goal, real)):  # noqa: PTH115, PTH117
        raise Unbuildable(f"{os.path.relpath(path, top)} is a link that leaves the environment")
