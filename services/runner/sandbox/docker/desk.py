"""What the runner and one container share beside the work folder: the pipes of its outputs, its variables, its secrets.

It lies in memory (/dev/shm), is seen by nobody else, and goes with the run: what a person gave stands on no command line, on
no disk, and in nothing that `docker inspect` shows. A pipe into the container costs nothing per line; the engine's own way
out does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from services.runner.memory_folder import make_ours
from services.runner.sandbox import seccomp_install
from services.runner.sandbox.containers_wanted import ContainersWanted
from services.runner.sandbox.docker.entry import FILTER, as_pairs, as_shell
from services.runner.sandbox.seccomp import program as filter_program
from services.runner.sandbox.spawn import close_all

INSTALLS = Path(seccomp_install.__file__)
PIPE_BYTES = 256 * 1024


def desks(node: str) -> Path:
    """Where the desks of a node stand; `node` differs between two grids on one machine."""
    return ContainersWanted(node).traces()


class Desk:
    """`desk` and `secrets` are the folders to bind; `stdout` and `stderr` the reading ends."""

    def __init__(self, folder: Path, user: int, env: Mapping[str, str], secrets: Mapping[str, bytes]) -> None:
        """Raises OSError; nothing is left then."""
        self._folder, self._user = folder, user
        self.desk, self.secrets = folder / "desk", folder / "secrets"
        self._held: list[int] = []
        self.stdout = self.stderr = -1
        try:
            make_ours(folder.parent)
            for each in (folder, self.desk, self.secrets):
                each.mkdir(mode=0o755)
            self.stdout, self.stderr = self._pipe("out"), self._pipe("err")
            self._write(self.desk / "env", as_pairs(env))
            self._write(self.desk / "env.sh", as_shell(env))
            self._write(self.desk / FILTER, filter_program() or b"")
            self._write(self.desk / INSTALLS.name, INSTALLS.read_bytes())
            for name, value in secrets.items():
                self._write(self.secrets / name, value)
        except OSError:
            close_all(self.stdout, self.stderr)
            self.remove()
            raise

    def remove(self) -> None:
        """Give everything back, but for the reading ends, which are the caller's."""
        close_all(*self._held)
        self._held.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _pipe(self, name: str) -> int:
        """The reading end; a writing end is held until the end, since before the first writer it would read as closed."""
        path = self.desk / name
        os.mkfifo(path, 0o600)
        self._own(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._held.append(os.open(path, os.O_WRONLY | os.O_CLOEXEC))
        with contextlib.suppress(OSError):
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        return reading

    def _write(self, path: Path, data: bytes) -> None:
        if not data:
            return
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400), "wb") as file:
            file.write(data)
        self._own(path)

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self._user, self._user)
