"""Starts a process so that it is in its control group from the first moment, without the runner waiting for the kernel.

To move a process into another group the kernel holds up every fork of the machine and waits for all processors, ten
milliseconds where little goes on: longer than all else that a start takes. A thread that moves itself, and starts the process
from there, is spared that.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from services.runner.sandbox.cgroup import Group
from services.runner.sandbox.spawn import Birth, Child

_midwife = ThreadPoolExecutor(1, thread_name_prefix="births")
"""One thread that lives as long as this process. Nothing else may start a process from it."""


async def born(birth: Birth, group: Group | None) -> tuple[Child, bool]:
    """The child, and whether it is in `group` already. Raises OSError."""
    if group is None:
        return Child(birth.spawn()), False
    pid, inside = await asyncio.get_running_loop().run_in_executor(_midwife, _spawn, birth, group)
    return Child(pid), inside


def _spawn(birth: Birth, group: Group) -> tuple[int, bool]:
    with group.joined() as inside:
        return birth.spawn(), inside
