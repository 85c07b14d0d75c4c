"""Tools that make environments: what comes of them, and that nothing of them outlives the process that wanted it."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from services.runner.environments.tool import run

FAMILY = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    os.fork()
print("ready", flush=True)
time.sleep(1000)
"""
MAKER = """
import asyncio, sys
from pathlib import Path
from services.runner.environments.tool import run

print("begun", flush=True)
asyncio.run(run([sys.executable, "-c", sys.argv[2], sys.argv[1]], Path(sys.argv[3]), {}))
"""


def mentioned(mark: str) -> list[str]:
    """Processes with the mark on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


async def until_mentioned(mark: str, count: int) -> None:
    async with asyncio.timeout(60):
        while len(mentioned(mark)) != count:  # noqa: ASYNC110 (of other processes)
            await asyncio.sleep(0.02)


@pytest.fixture
def mark() -> str:
    return f"mark-{os.getpid()}-{time.time_ns()}"


async def test_what_it_says_and_how_it_ends(tmp_path: Path) -> None:
    done = await run(["/bin/sh", "-c", "pwd; umask; echo $NAME >&2; exit 3"], tmp_path, {"NAME": "x y"})
    assert (done.code, done.said) == (3, f"{tmp_path}\n0022\nx y\n")
    assert (await run(["/bin/sh", "-c", "kill -9 $$"], tmp_path, {})).code == -9
    assert (await run(["/nowhere/tool"], tmp_path, {})).code == 127


async def test_all_of_it_dies_with_the_process_that_wanted_it(tmp_path: Path, mark: str) -> None:
    """Four mention the mark: who wants it, the tool, and two that the tool started."""
    maker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", MAKER, mark, FAMILY, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    await until_mentioned(mark, 4)
    maker.kill()
    await maker.wait()
    await until_mentioned(mark, 0)


async def test_all_of_it_dies_when_nobody_wants_it_any_more(tmp_path: Path, mark: str) -> None:
    running = asyncio.create_task(run([sys.executable, "-c", FAMILY, mark], tmp_path, {}))
    await until_mentioned(mark, 3)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not mentioned(mark)
