"""Zygotes in boxes of bubblewrap: see inside/stage.py for what makes them unprivileged."""

from __future__ import annotations

import asyncio
import os
import select
import socket
from collections.abc import Sequence
from pathlib import Path

from domain.execution.job import Limits
from services.runner.sandbox.born import born
from services.runner.sandbox.box import BOX_UID, SECRETS
from services.runner.sandbox.bubblewrap import WORK, Bubblewrap
from services.runner.sandbox.cgroup import Group, Groups, empty
from services.runner.sandbox.rootfs import environment_arguments, network_arguments
from services.runner.sandbox.spawn import Birth, Child, base_python, close_all, readable
from services.runner.warm.inside import calls
from services.runner.warm.inside.stage import FOLDER, FOLDERS, NONE
from services.runner.warm.key import Key
from services.runner.warm.program import placed, program, settings_of

ZYGOTE_UID = 64320
"""Who a zygote of root's is on this machine: nobody, and not who the scripts are."""
MEMORY_BYTES, CPU_MILLIS = 2 * 1024**3, 2000
ROOM_BYTES = 256 * 1024


class Boxed:
    """A zygote below bwrap, in a control group of its own. `mounts`: whom to ask for mounts, if we cannot make them."""

    below = 4
    """Process 1 of bwrap's, what stage.py begins as, its process 1, the zygote."""

    def __init__(self, child: Child, control: socket.socket, mounts: socket.socket | None, group: Group | None) -> None:
        self._child, self.control, self._mounts, self._group = child, control, mounts, group
        self._asking = asyncio.Lock()

    @property
    def pid(self) -> int:
        return self._child.pid if self._child.status is None else 0

    async def mount(self, folder: Path) -> int:
        if self._mounts is None:
            return calls.detached(str(folder))
        async with self._asking, asyncio.timeout(10):
            self._mounts.send(os.fsencode(f"{folder.parent.name}/{folder.name}"))
            await readable(self._mounts.fileno())
            said, fds, _, _ = socket.recv_fds(self._mounts, 4096, 1, socket.MSG_CMSG_CLOEXEC)
        if not fds:
            raise OSError(said.decode(errors="replace") or "nobody makes mounts any more")
        return fds[0]

    def alive(self) -> bool:
        """Its end of the line is open: that ends first."""
        poll = select.poll()
        if self.control.fileno() < 0:
            return False
        poll.register(self.control.fileno(), 0)
        return self._child.status is None and not poll.poll(0)

    async def end(self) -> None:
        self._child.kill()
        await self._child.wait()
        self._child.close()
        for line in (self.control, self._mounts):
            if line is not None:
                line.close()
        if self._group is not None:
            await empty(self._group)
            self._group.remove()


class BwrapHatchery:
    """`cold` knows how a box on this machine looks; `folders` holds `<attempt>/<working folder>` of every attempt."""

    def __init__(self, cold: Bubblewrap, folders: Path, groups: Groups | None) -> None:
        self._cold, self._folders, self._groups = cold, folders, groups
        self._root = os.geteuid() == 0
        self._count = 0

    async def hatch(self, key: Key, imports: Sequence[str]) -> Boxed:
        self._count += 1
        control, its_control = _line()
        mounts, its_mounts = (None, None) if self._root else _line()
        settings, quiet = settings_of(imports, nested=not self._root), os.open(os.devnull, os.O_WRONLY)
        files = {name: os.open(path, os.O_RDONLY | os.O_CLOEXEC) for name, path in program().items()}
        group = self._group()
        try:
            inherit = [its_control.fileno(), settings, *([its_mounts.fileno()] if its_mounts else [])]
            argv = [
                *self._arguments(key, files),
                *(str(fd) for fd in inherit),
                *([] if its_mounts else [str(NONE)]),
                key.program,
            ]
            child, inside = await born(
                Birth(argv, dict(key.variables), quiet, quiet, [*inherit, *files.values()]), group
            )
        except BaseException:
            for line in (control, mounts):
                if line is not None:
                    line.close()
            if group is not None:
                group.remove()
            raise
        finally:
            close_all(quiet, settings, *files.values())
            for line in (its_control, its_mounts):
                if line is not None:
                    line.close()
        if group is not None and not inside:
            await asyncio.to_thread(group.add, child.pid)
        return Boxed(child, control, mounts, group)

    def _group(self) -> Group | None:
        if self._groups is None:
            return None
        return self._groups.create(f"zygote-{os.getpid()}-{self._count}", Limits(CPU_MILLIS, MEMORY_BYTES))

    def _arguments(self, key: Key, files: dict[str, int]) -> list[str]:
        found = [*self._cold.shell(0), "--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "1777", "--tmpfs", "/tmp"]
        found += ["--dir", WORK, *(["--perms", "0755", "--dir", SECRETS] if key.secrets else [])]
        found += environment_arguments(key.environment) if key.environment else []
        found += network_arguments() if key.network else ["--unshare-net"]
        found += placed(files)
        if not self._root:
            found += ["--cap-add", "ALL"]
            self._folders.mkdir(parents=True, exist_ok=True)
            found += ["--bind", str(self._folders), FOLDERS, "--remount-ro", "/dev", "--remount-ro", "/"]
        python = [base_python(), "-I", "-S", f"{FOLDER}/services/runner/warm/inside/stage.py"]
        return [*found, "--", *python, str(ZYGOTE_UID), str(BOX_UID)]


def _line() -> tuple[socket.socket, socket.socket]:
    """Our end, which does not block, and theirs."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM_BYTES)
    return ours, theirs
