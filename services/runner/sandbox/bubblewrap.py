"""The sandbox proper: bubblewrap, namespaces, a read-only view of the machine, control groups.

As root it makes the box without a user namespace (so that an interpreter below a private home can be bound) and drops to
an unprivileged user inside it; as anybody else it uses a user namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import resource
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from domain.execution.job import Limits
from domain.secret import PER_RUN_MAX, VALUE_BYTES_MAX
from services.runner.interpreters import Interpreter
from services.runner.sandbox.born import born
from services.runner.sandbox.box import BOX_UID, SECRETS, Spec, StartFailed
from services.runner.sandbox.boxed import Boxed
from services.runner.sandbox.cgroup import Group, Groups, empty
from services.runner.sandbox.environment import handed_over, helper
from services.runner.sandbox.rlimits import rlimits
from services.runner.sandbox.rootfs import (
    HOSTNAME,
    environment_arguments,
    make_etc,
    network_arguments,
    program_arguments,
    system_arguments,
)
from services.runner.sandbox.seccomp import opened, program
from services.runner.sandbox.spawn import Birth, Child, close_all, pipe, readable

log = logging.getLogger("rgrid.runner")

PIPE_BYTES = 256 * 1024
WORK = "/work"
SECRETS_FOLDER = ("--perms", "1777", "--size", str(PER_RUN_MAX * (VALUE_BYTES_MAX + 4096)), "--tmpfs", SECRETS)
"""In memory; the helper that sets the variables fills it as the user of the box."""
DROP = ("--reuid", str(BOX_UID), "--regid", str(BOX_UID), "--clear-groups", "--no-new-privs")
DROP_ALL = (*DROP, "--bounding-set=-all", "--inh-caps=-all")


class Bubblewrap:
    """Boxes made by bwrap. `folder` is the node's own; `groups` is None where control groups cannot be written."""

    kind = "bubblewrap"
    home = "/tmp"
    confined = True

    def __init__(self, folder: Path, groups: Groups | None, here: Sequence[Interpreter]) -> None:
        self._bwrap = shutil.which("bwrap") or ""
        self._groups = groups
        self._root = os.geteuid() == 0
        self.interpreters = tuple(here)
        if program() is None:
            log.warning("system calls are not filtered: those of %s are not known here", platform.machine())
        programs = program_arguments(each.program for each in here)
        system = [*system_arguments(make_etc(folder / "box-etc")), *programs]
        self._fixed = [*system, "--proc", "/proc", "--dev", "/dev"]
        self._drop = [shutil.which("setpriv") or "/usr/bin/setpriv", *DROP_ALL] if self._root else []

    async def start(self, spec: Spec) -> Boxed:
        if self._root:
            os.chown(spec.folder, BOX_UID, BOX_UID)
        fds, group = _Pipes(spec.env, spec.secrets), None
        try:
            group = self._groups.create(spec.name, spec.limits) if self._groups else None
            child, inside = await born(self._birth(spec, fds), group)
        except OSError as error:
            fds.close_all()
            if group is not None:
                group.remove()
            raise StartFailed(f"the box cannot be made: {error}") from error
        fds.close_childs()
        try:
            return await self._enter(spec, child, fds, group, inside)
        except BaseException as error:
            child.kill()
            await child.wait()
            child.close()
            fds.close_all()
            if group is not None:
                await empty(group)
                group.remove()
            if isinstance(error, OSError):
                raise StartFailed(f"the box cannot be entered: {error}") from error
            raise

    def shell(self, uid: int = BOX_UID) -> list[str]:
        """The beginning of every call of bwrap; `uid` is who begins in the box, where root does not."""
        return [self._bwrap, *_namespaces(None if self._root else uid), *self._fixed]

    def _birth(self, spec: Spec, fds: _Pipes) -> Birth:
        return Birth(self._arguments(spec, fds), spec.base_env, fds.out_writing, fds.err_writing, fds.for_child())

    async def _enter(self, spec: Spec, child: Child, fds: _Pipes, group: Group | None, inside: bool) -> Boxed:
        """While bwrap's inner process waits at the gate: put it into its group and under its limits."""
        init = await _inner_pid(fds.status)
        if init is not None:
            with contextlib.suppress(ProcessLookupError):
                if group is not None and not inside:
                    await asyncio.to_thread(group.add, init)
                _limit(init, spec.limits, group)
        running = Boxed(child, init, group, fds.out, fds.err, fds.status)
        if init is not None:
            os.write(fds.gate, b"x")
        close_all(fds.gate)
        return running

    def _arguments(self, spec: Spec, fds: _Pipes) -> list[str]:
        size = str(spec.limits.memory_bytes)
        found = [*self.shell(), "--perms", "1777", "--size", size, "--tmpfs", "/dev/shm"]
        found += ["--perms", "1777", "--size", size, "--tmpfs", "/tmp", "--bind", str(spec.folder), WORK]
        found += environment_arguments(spec.environment) if spec.environment else []
        found += SECRETS_FOLDER if spec.secrets else ()
        found += network_arguments() if spec.network else ["--unshare-net"]
        found += [] if self._root else ["--remount-ro", "/dev", "--remount-ro", "/"]
        found += ["--seccomp", str(fds.filter)] if fds.filter >= 0 else []
        found += ["--chdir", WORK, "--json-status-fd", str(fds.status_writing), "--block-fd", str(fds.gate_reading)]
        return [*found, "--", *self._drop, *helper(fds.env), *spec.argv]


def output() -> tuple[int, int]:
    """A pipe for what a script says; the script may open it once more, as /dev/stdout."""
    reading, writing = pipe(PIPE_BYTES)
    if os.geteuid() == 0:
        os.fchown(writing, BOX_UID, BOX_UID)
    return reading, writing


class _Pipes:
    """What a start needs open: both outputs, bwrap's word on what it did, the gate that it waits at, the variables, the filter
    of system calls."""

    def __init__(self, env: Mapping[str, str], secrets: Mapping[str, bytes]) -> None:
        self.env = handed_over(env, secrets)
        self.out, self.out_writing = output()
        self.err, self.err_writing = output()
        self.status, self.status_writing = pipe()
        self.gate_reading, self.gate = os.pipe()
        calls = program()
        self.filter = -1 if calls is None else opened(calls)

    def for_child(self) -> tuple[int, ...]:
        """What bwrap gets beside its outputs."""
        return tuple(fd for fd in (self.status_writing, self.gate_reading, self.env, self.filter) if fd >= 0)

    def close_childs(self) -> None:
        close_all(self.out_writing, self.err_writing, *self.for_child())

    def close_all(self) -> None:
        self.close_childs()
        close_all(self.out, self.err, self.status, self.gate)


def _namespaces(uid: int | None) -> list[str]:
    own = ["--die-with-parent", "--new-session", "--hostname", HOSTNAME, "--unshare-pid", "--unshare-ipc"]
    own += ["--unshare-uts", "--unshare-cgroup-try"]
    return own if uid is None else [*own, "--unshare-user", "--uid", str(uid), "--gid", str(uid)]


async def _inner_pid(status: int) -> int | None:
    """The pid (as we see it) of process 1 of the box; None when bwrap ended without making one."""
    said = b""
    while b"}" not in said:
        await readable(status)
        part = os.read(status, 4096)
        if not part:
            return None
        said += part
    return int(said.partition(b":")[2].partition(b",")[0].partition(b"}")[0])


def _limit(pid: int, limits: Limits, group: Group | None) -> None:
    """Before the script begins: under the limits that no group keeps."""
    for kind, bound in rlimits(limits, group is not None):
        resource.prlimit(pid, kind, (bound, bound))


def why_not() -> str:
    """Why bubblewrap cannot be used here at all, empty when it is installed."""
    if sys.platform != "linux":
        return "bubblewrap needs Linux"
    if shutil.which("bwrap") is None:
        return "bubblewrap is not installed; apt install bubblewrap"
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        return "setpriv is not installed; apt install util-linux"
    return ""
