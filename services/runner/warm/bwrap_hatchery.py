"""Zygotes in boxes of bubblewrap, started by root: see inside/stage.py for what makes them unprivileged."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from domain.execution.job import Limits
from services.runner.sandbox.born import born
from services.runner.sandbox.box import BOX_UID, ENVIRONMENT, SECRETS
from services.runner.sandbox.bubblewrap import WORK, Bubblewrap
from services.runner.sandbox.cgroup import Group, Groups, empty
from services.runner.sandbox.rootfs import network_arguments
from services.runner.sandbox.seccomp import program as filter_program
from services.runner.sandbox.spawn import Birth, Child, base_python, close_all
from services.runner.warm.inside import calls
from services.runner.warm.inside.stage import FOLDER
from services.runner.warm.key import Key

ZYGOTE_UID = 64320
"""Who a zygote is on this machine: nobody, and not who the scripts are."""
MEMORY_BYTES = 2 * 1024**3
CPU_MILLIS = 2000
INSIDE = Path(__file__).with_name("inside")
BUFFER_BYTES = 256 * 1024


class Boxed:
    """A zygote below bwrap, in a control group of its own."""

    def __init__(self, child: Child, control: socket.socket, group: Group | None) -> None:
        self._child, self.control, self._group = child, control, group

    def mount(self, folder: str) -> int:
        return calls.detached(folder)

    def alive(self) -> bool:
        return self._child.status is None

    async def end(self) -> None:
        self.control.close()
        self._child.kill()
        await self._child.wait()
        self._child.close()
        if self._group is not None:
            await empty(self._group)
            self._group.remove()


class BwrapHatchery:
    """`cold` knows how a box on this machine looks."""

    def __init__(self, cold: Bubblewrap, groups: Groups | None) -> None:
        self._cold, self._groups = cold, groups
        self._count = 0

    async def hatch(self, key: Key, imports: Sequence[str]) -> Boxed:
        self._count += 1
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        settings, quiet = _settings(imports), os.open(os.devnull, os.O_WRONLY)
        group = self._group()
        try:
            argv = [*self._arguments(key), str(theirs.fileno()), str(settings), key.program]
            inherit = (theirs.fileno(), settings)
            child, inside = await born(Birth(argv, dict(key.variables), quiet, quiet, inherit), group)
        finally:
            close_all(quiet, settings)
            theirs.close()
        if group is not None and not inside:
            await asyncio.to_thread(group.add, child.pid)
        return Boxed(child, ours, group)

    def _group(self) -> Group | None:
        if self._groups is None:
            return None
        return self._groups.create(f"zygote-{os.getpid()}-{self._count}", Limits(CPU_MILLIS, MEMORY_BYTES))

    def _arguments(self, key: Key) -> list[str]:
        found = [*self._cold.fixed, "--perms", "1777", "--tmpfs", "/dev/shm", "--perms", "1777", "--tmpfs", "/tmp"]
        found += ["--dir", WORK, *(["--perms", "0755", "--dir", SECRETS] if key.secrets else [])]
        found += ["--ro-bind", str(key.environment), ENVIRONMENT] if key.environment else []
        found += network_arguments() if key.network else ["--unshare-net"]
        found += _program()
        python = [base_python(), "-I", "-S", f"{FOLDER}/services/runner/warm/inside/stage.py"]
        return [*found, "--", *python, str(ZYGOTE_UID), str(BOX_UID)]


def _program() -> list[str]:
    """bwrap's options for what runs in a zygote's box, and in no script's: it lies in a /tmp that scripts do not see."""
    parts = {"services/runner/warm/inside": INSIDE, "sitecustomize.py": INSIDE / "sitecustomize.py"}
    parts["services/runner/sandbox/seccomp_install.py"] = INSIDE.parent.parent / "sandbox" / "seccomp_install.py"
    found = []
    for folder in ("", "/services", "/services/runner", "/services/runner/warm", "/services/runner/sandbox"):
        found += ["--perms", "0755", "--dir", FOLDER + folder]
    for name, path in parts.items():
        found += ["--ro-bind", str(path), f"{FOLDER}/{name}"]
    return found


def _settings(imports: Sequence[str]) -> int:
    """A descriptor from which the zygote reads what it is to be."""
    calls_filter = base64.b64encode(filter_program() or b"").decode()
    fd = os.memfd_create("zygote")
    os.write(fd, json.dumps({"imports": list(imports), "work": WORK, "filter": calls_filter}).encode())
    return fd
