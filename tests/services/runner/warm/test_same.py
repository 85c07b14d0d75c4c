"""A script from a zygote says the same, byte for byte, and ends the same way as one with an interpreter of its own."""

from __future__ import annotations

import asyncio
import os
import re

import pytest

from services.runner.interpreters import interpreters
from tests.services.runner.boxes import BASE_ENV, Outcome, Scripts, finish
from tests.services.runner.warm.conftest import MORE
from tests.services.runner.warm.corpus import ARGUMENTS, FILES, corpus

GRID_ENV = BASE_ENV | {
    "TMPDIR": "/tmp",
    "PYTHONUNBUFFERED": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
}
ADDRESS = re.compile("0x[0-9a-f]{6,}")
PYTHONS = [each.program for each in interpreters(MORE) if each.runtime == "python"]


def told(outcome: Outcome) -> tuple[str, str, int, int | None]:
    """All but where in memory things lie."""
    streams = [ADDRESS.sub("0x", text) for text in (outcome.stdout, outcome.stderr)]
    return (*streams, outcome.exit.code, outcome.exit.signal)  # type: ignore[return-value]


@pytest.mark.parametrize("base_env", [BASE_ENV, GRID_ENV], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("program", PYTHONS)
async def test_the_corpus(warm: Scripts, program: str, base_env: dict[str, str]) -> None:
    env = {"TZ": "Asia/Tokyo", "MINE": "a=b", "ÄÖ": "ü\n"}
    different = []
    for name, code in corpus().items():
        seen = []
        for way in (True, False):
            warm.warm = way
            running = await warm.start(code, *ARGUMENTS, env=env, base_env=base_env, files=FILES, program=program)
            outcome = await finish(running)
            assert outcome.warm == way, name
            seen.append(told(outcome))
        if seen[0] != seen[1]:
            different.append((name, *seen))
    assert not different, "\n".join(f"{name}:\n  warm {one}\n  cold {other}" for name, one, other in different)


async def test_scripts_in_folders_and_with_odd_names(warm: Scripts) -> None:
    code = (
        "import sys, pathlib\nprint(__file__, sys.argv, sys.path[0], pathlib.Path('left.txt').write_text('x'))\n1 / 0"
    )
    for name in ("deep/er/script.py", "./x.py", "-x.py", "ä ö.py", "x", "a/../b.py", "x" * 200 + ".py"):
        name = f"./{name}" if name.startswith("-") else name
        seen = []
        for way in (True, False):
            warm.warm, warm.script = way, name
            outcome = await warm.run(code, files={"a/x": ""})
            assert outcome.warm == way
            seen.append(told(outcome))
        assert seen[0] == seen[1]


async def test_a_script_that_is_not_there(warm: Scripts) -> None:
    seen = []
    for way in (True, False):
        warm.warm, warm.script = way, "main.py"
        running = await warm.start("import os; os.remove('main.py')\nos.execv('/bin/sh', ['sh', '-c', 'echo gone'])")
        seen.append(told(await finish(running)))
    assert seen[0] == seen[1]


async def test_strings_are_hashed_alike_in_runs_of_one_zygote_and_anew_in_each_cold_run(warm: Scripts) -> None:
    """As docs/warm-start.md says."""
    code = "print(hash('x'))"
    assert len({(await warm.run(code)).stdout for _ in range(3)}) == 1
    warm.warm = False
    assert len({(await warm.run(code)).stdout for _ in range(3)}) == 3


async def test_what_is_printed_arrives_when_it_is_printed(warm: Scripts) -> None:
    running = await warm.start("import time; print('now'); time.sleep(1000)", base_env=GRID_ENV)
    said = b""
    async with asyncio.timeout(20):
        while not said:
            try:
                said = os.read(running.stdout, 100)
            except BlockingIOError:
                await asyncio.sleep(0.01)
    assert said == b"now\n"
    assert (await finish(running, end=True)).exit.code == 137
