"""A script while it runs: its log goes out, its time, its disk and whoever wants it over are watched; until its tree is gone."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from domain.execution.events import Reason
from domain.execution.job import Limits
from services.runner import explain
from services.runner.disk import DiskWatch
from services.runner.ending import STALE, STOPPED, Ending
from services.runner.logs.pipes import Pipes
from services.runner.logs.publisher import Publisher
from services.runner.logs.spool import Spool
from services.runner.node import Node
from services.runner.sandbox.box import Exit, Running, StartFailed
from services.runtime import subjects
from services.runtime.messages import RunWork


async def watch(
    node: Node, work: RunWork, running: Running, spool: Spool, folder: Path, outside: Ending
) -> tuple[str, Reason, Exit]:
    """From the first byte to the last process; returns status, reason and how the main process ended."""
    limits, wake = work.job.limits, asyncio.Event()
    pipes = Pipes(running.stdout, running.stderr, spool, wake)
    subject = subjects.log(node.id, work.account, work.execution)
    publisher = Publisher(node.bus, subject, spool, wake)
    publishing = asyncio.create_task(publisher.run())
    ending = asyncio.create_task(running.wait())
    disk = DiskWatch(folder, limits.disk_bytes, running.pids)
    filling = asyncio.create_task(disk.over())
    try:
        await asyncio.wait(
            (ending, outside.wanted, filling),
            timeout=limits.timeout_seconds,
            return_when=asyncio.FIRST_COMPLETED,
        )
        by_itself, filled, cause = ending.done(), filling.done(), outside.cause
        await running.kill(0 if by_itself else node.kill_grace_seconds)
        end = await ending
        pipes.drain()
    finally:
        publisher.close()
        filling.cancel()
        if outside.cause in (STALE, STOPPED) or not ending.done():
            publishing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await publishing
    if not end.started:
        raise StartFailed("the box or the interpreter could not be started; its log may say why")
    if by_itself:
        return *await _own_end(end, running, limits, disk), end
    if filled and not cause:
        return "failed", _filled(limits, disk), end
    return *(outside.result() if cause else ("timed_out", explain.timed_out(limits))), end


async def _own_end(end: Exit, running: Running, limits: Limits, disk: DiskWatch) -> tuple[str, Reason]:
    """A script that was refused more room mostly ends by itself, before the watch sees it."""
    oom = running.oom()
    status, reason = explain.ended(end, oom, limits, running.guarded())
    if status == "failed" and not oom and await disk.exceeded():
        return "failed", _filled(limits, disk)
    return status, reason


def _filled(limits: Limits, disk: DiskWatch) -> Reason:
    return explain.too_many_files(disk.files_max) if disk.many else explain.disk_limit(limits, disk.bound)
