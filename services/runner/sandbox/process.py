"""No sandbox: a plain process with limits, for machines without bubblewrap. Its tree is still ended as a whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence, Set
from typing import Any

from domain.execution.events import Usage
from services.runner.interpreters import Interpreter
from services.runner.sandbox.born import born
from services.runner.sandbox.box import Exit, Spec, StartFailed
from services.runner.sandbox.cgroup import Group, Groups, empty, kill_each
from services.runner.sandbox.orphans import end_orphans, orphans
from services.runner.sandbox.rlimits import rlimits
from services.runner.sandbox.shimmed import Order, birth, end_shim, heard
from services.runner.sandbox.spawn import Child, close_all, pipe
from services.runner.sandbox.tree import children, descendants

PIPE_BYTES = 256 * 1024
SIGNAL_BASE = 128


class Process:
    """Starts scripts below a shim (see shim.py); control groups are used where they can be written."""

    kind = "process"
    home = ""
    confined = False

    def __init__(self, groups: Groups | None, here: Sequence[Interpreter]) -> None:
        self._groups, self.interpreters = groups, tuple(here)

    async def start(self, spec: Spec) -> Plain:
        group, before = self._group(spec), frozenset(children(os.getpid()))
        out, out_writing = pipe(PIPE_BYTES)
        err, err_writing = pipe(PIPE_BYTES)
        answer, answer_writing = pipe()
        gate_reading, gate = os.pipe()
        childs = (_order(spec, group).written(), gate_reading, answer_writing)
        try:
            child, inside = await born(birth(out_writing, err_writing, *childs), group)
        except OSError as error:
            close_all(out, err, answer, gate)
            raise StartFailed(f"the process cannot be made: {error}") from error
        finally:
            close_all(out_writing, err_writing, *childs)
        with contextlib.suppress(OSError):
            if group is not None and not inside:
                await asyncio.to_thread(group.add, child.pid)
            os.write(gate, b"x")
        close_all(gate)
        return Plain(child, group, before, (out, err, answer))

    def _group(self, spec: Spec) -> Group | None:
        try:
            return self._groups.create(spec.name, spec.limits) if self._groups else None
        except OSError as error:
            raise StartFailed(f"its control group cannot be made: {error}") from error


class Plain:
    """A running script and its shim, whose end means that the tree has ended, unless the script killed it."""

    warm = False

    def __init__(self, child: Child, group: Group | None, before: Set[int], pipes: tuple[int, int, int]) -> None:
        self.stdout, self.stderr, self._answer = pipes
        self._child, self._group, self._before = child, group, before
        self._began = time.monotonic()
        self._said: dict[str, Any] = {}

    async def wait(self) -> Exit:
        await self._child.wait()
        self._listen()
        if "failed" in self._said:
            return Exit(127, started=False)
        code = os.waitstatus_to_exitcode(self._said.get("status", signal.SIGKILL.value))
        return Exit(code) if code >= 0 else Exit(SIGNAL_BASE - code, -code)

    async def kill(self, grace_seconds: float) -> None:
        if grace_seconds > 0 and self._child.status is None:
            kill_each(descendants(self._child.pid), signal.SIGTERM)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._child.wait(), grace_seconds)
        await end_shim(self._child)
        self._listen()
        await (empty(self._group) if self._group is not None else end_orphans(self._before))

    def gone(self) -> bool:
        """The whole tree: below the shim, which has ended, or beside it."""
        left = self._group.pids() if self._group is not None else orphans(self._before)
        return self._child.status is not None and not left

    def pids(self) -> list[int]:
        return self._group.pids() if self._group is not None else descendants(self._child.pid)

    def usage(self) -> Usage:
        wall_ms = int((time.monotonic() - self._began) * 1000)
        if self._group is not None:
            return Usage(self._group.cpu_ms() or 0, self._group.memory_peak_bytes(), wall_ms)
        return Usage(self._said.get("cpu_ms", 0), self._said.get("peak") or None, wall_ms)

    def oom(self) -> bool:
        return self._group is not None and self._group.oom_kills() > 0

    def guarded(self) -> bool:
        return self._group is not None

    def close(self) -> None:
        close_all(self._answer)
        self._child.close()
        if self._group is not None:
            self._group.remove()

    def _listen(self) -> None:
        self._said |= heard(self._answer)


def _order(spec: Spec, group: Group | None) -> Order:
    """What the shim must know."""
    limits = rlimits(spec.limits, group is not None)
    return Order(spec.argv, {**spec.base_env, **spec.env}, str(spec.folder), limits)
