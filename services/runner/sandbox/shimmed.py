"""Starts programs below a shim (see shim.py), which ends with this process and takes the whole tree along."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.runner.sandbox.spawn import Birth, Child, base_python

SHIM = str(Path(__file__).with_name("shim.py"))
SHIM_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Order:
    """What a shim is to start: `argv[0]` is a path, `folder` where it begins, `rlimits` its bounds by their numbers."""

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: str
    rlimits: Sequence[tuple[int, int]] = ()

    def written(self) -> int:
        """A descriptor from which the shim reads it."""
        fd = os.memfd_create("order")
        order = {"argv": list(self.argv), "env": dict(self.env), "folder": self.folder, "rlimits": list(self.rlimits)}
        said = json.dumps({**order, "parent": os.getpid()})
        os.write(fd, said.encode("utf-8", "surrogateescape"))
        return fd


def birth(stdout: int, stderr: int, order: int, gate: int, answer: int) -> Birth:
    """Of the shim, which waits at `gate` for a byte."""
    childs = (order, gate, answer)
    argv = [base_python(), "-I", "-S", SHIM, *(str(fd) for fd in childs)]
    return Birth(argv, {}, stdout, stderr, childs, session=True)


def heard(answer: int) -> dict[str, Any]:
    """What the shim has said: `failed` (why it could not be started) or `status`, `cpu_ms`, `peak`."""
    said: dict[str, Any] = {}
    with contextlib.suppress(OSError):
        for line in os.read(answer, 65536).splitlines():
            said |= json.loads(line)
    return said


async def end_shim(child: Child) -> None:
    """It ends its tree first; one that the script stopped, or that takes too long, is ended itself."""
    child.kill(signal.SIGTERM)
    child.kill(signal.SIGCONT)
    try:
        await asyncio.wait_for(child.wait(), SHIM_SECONDS)
    except TimeoutError:
        child.kill()
        await child.wait()
