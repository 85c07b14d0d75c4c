"""Which sandbox this machine gets, found out by really running something in it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.errors import Unavailable
from services.runner.interpreters import Interpreter, pick
from services.runner.sandbox.box import Sandbox, Spec, StartFailed
from services.runner.sandbox.bubblewrap import Bubblewrap, why_not
from services.runner.sandbox.cgroup import Groups
from services.runner.sandbox.containers_wanted import NO_WISHES, ContainersWanted
from services.runner.sandbox.process import Process
from services.runner.sandbox.spawn import close_all

PR_SET_CHILD_SUBREAPER = 36
TRIAL_SECONDS = 60.0
TOO_SLOW = "Is the machine too busy? To run scripts without a box: RGRID_SANDBOX=process"


@dataclass(frozen=True, slots=True)
class Choice:
    """The sandbox, and why it is not a better one (empty: it is the best)."""

    sandbox: Sandbox
    warning: str = ""
    closing: Callable[[], Awaitable[None]] | None = None

    async def close(self) -> None:
        """Give back what the sandbox holds, after its last run."""
        if self.closing is not None:
            await self.closing()


async def choose(
    wanted: str,
    folder: Path,
    groups: Groups | None,
    here: Sequence[Interpreter],
    containers: ContainersWanted = NO_WISHES,
) -> Choice:
    """`wanted`: auto, docker, bubblewrap or process. `here`: the interpreters of this machine.

    Raises Unavailable when docker or bubblewrap is demanded and does not work here, and when one of them is too slow to tell.
    """
    _keep_descriptors()
    if wanted != "docker" and containers.traces().exists():
        from services.runner.sandbox.docker.sweeping import sweep

        await sweep(containers.node)
    if groups is None:
        # so that the first process of a box is ours to wait for, which is how its usage is learned without groups
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    if wanted == "process":
        return Choice(Process(groups, here), "no sandbox: RGRID_SANDBOX is set to process")
    reasons: list[str] = []
    for kind, attempt in (("bubblewrap", _bubblewrap), ("docker", _docker)):
        if wanted in ("auto", kind):
            found = await attempt(folder, groups, here, containers)
            if isinstance(found, Choice):
                return found
            reasons.append(found)
    if wanted != "auto":
        raise Unavailable(f"RGRID_SANDBOX demands {wanted}: {reasons[0]}")
    return Choice(Process(groups, here), f"no sandbox: {' · '.join(reasons)}")


async def _bubblewrap(
    folder: Path, groups: Groups | None, here: Sequence[Interpreter], containers: ContainersWanted
) -> Choice | str:
    """It, or why it does not work here."""
    reason = why_not()
    if reason:
        return reason
    boxes = Bubblewrap(folder, groups, here)
    reason = await _try(boxes, folder)
    return reason or Choice(boxes)


async def _docker(
    folder: Path, groups: Groups | None, here: Sequence[Interpreter], containers: ContainersWanted
) -> Choice | str:
    """It, or why it does not work here."""
    # only here: who runs no containers is spared the client
    from services.runner.sandbox.docker.engine import NoEngine
    from services.runner.sandbox.docker.sandbox import open_docker

    try:
        boxes = await open_docker(containers, folder, groups)
    except NoEngine as error:
        return str(error)
    reason = await _try(boxes, folder)
    if reason:
        await boxes.close()
        return reason
    return Choice(boxes, boxes.warning, boxes.close)


def _keep_descriptors() -> None:
    """What this process was started with beyond its three streams must not reach a script."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (names, not paths)
        if int(name) > 2:
            with contextlib.suppress(OSError):
                os.set_inheritable(int(name), False)


async def _try(boxes: Sandbox, folder: Path) -> str:
    """Run the Python interpreter once in a box; why it did not work, or nothing."""
    work = Path(tempfile.mkdtemp(prefix="trial-", dir=folder))
    spec = Spec(work.name, (pick(boxes.interpreters, "python", "").program, "-I", "-S", "-c", "pass"), work, work)
    try:
        running = await boxes.start(spec)
    except StartFailed as error:
        return f"{boxes.kind} does not work here: {error}"
    finally:
        asyncio.get_running_loop().call_later(TRIAL_SECONDS, shutil.rmtree, work, True)
    try:
        end = await asyncio.wait_for(running.wait(), TRIAL_SECONDS)
    except TimeoutError:
        # a machine that is busy must not be left without walls for it
        raise Unavailable(f"{boxes.kind} did not end a trial run in {TRIAL_SECONDS:g} s. {TOO_SLOW}") from None
    finally:
        await running.kill(0)
        said = _said(running.stderr)
        close_all(running.stdout, running.stderr)
        running.close()
    return "" if end.code == 0 else f"{boxes.kind} does not work here: {said or f'exit code {end.code}'}"


def _said(stderr: int) -> str:
    try:
        return os.read(stderr, 2000).decode(errors="replace").strip()[:300]
    except OSError:
        return ""
