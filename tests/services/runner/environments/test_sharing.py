"""One environment is made once, however many want it at once, and never used half."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.runner.environments import python as building
from services.runner.environments.folder import MANIFEST, read_manifest
from services.runner.sandbox.tree import descendants
from services.runtime.plain import to_json
from tests.services.runner.environments.conftest import python
from tests.services.runner.environments.wheels import Shop
from tests.services.runner.grid import Grid, Make

IMPORT = "import thing; print(thing.VALUE)"


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders in which something was built."""
    found: list[Path] = []
    real = building.make

    async def counted(folder: Path, *arguments: Any) -> None:
        found.append(folder)
        await asyncio.sleep(0.1)
        await real(folder, *arguments)

    monkeypatch.setattr(building, "make", counted)
    return found


async def test_twenty_who_ask_at_once_get_one(instant: Grid, shop: Shop, builds: list[Path]) -> None:
    shop.wheel("thing")
    environment = await python(instant, shop.lock("thing"))
    executions = [
        await instant.send(await instant.job(f"print({number})", environment=environment)) for number in range(20)
    ]
    results = [await instant.finished(execution) for execution in executions]
    assert {result.status for result in results} == {"succeeded"}
    assert len(builds) == 1
    assert len([verb for verb, _ in instant.reports if verb == "environment"]) == 1


async def test_who_asked_first_may_go_away(instant: Grid, shop: Shop, builds: list[Path]) -> None:
    """The others get it all the same; and when all have gone nothing goes on."""
    shop.wheel("thing")
    environment = await python(instant, shop.lock("thing"))
    first = await instant.send(await instant.job("pass", environment=environment))
    await instant.until(lambda: builds or _soon(instant))
    second = await instant.send(await instant.job("print(2)", environment=environment))
    await asyncio.sleep(0.02)
    await instant.cancel(first)
    assert (await instant.finished(first)).status in ("cancelled", "succeeded")
    assert (await instant.finished(second)).status == "succeeded"


def _soon(grid: Grid) -> None:
    asyncio.get_running_loop().call_later(0.01, grid.changed.set)


async def test_another_process_that_makes_it_is_waited_for(
    instant: Grid, shop: Shop, builds: list[Path], tmp_path: Path
) -> None:
    shop.wheel("thing")
    environment = await python(instant, shop.lock("thing"))
    _, result = await instant.run("pass", environment=environment)
    [kept] = instant.node.environments.kept()
    place = instant.folder / "environments"
    (place / kept.id).rename(place / "aside")
    names = [str(place / "locks" / kept.id), str(place / "aside"), str(place / kept.id)]
    holder = subprocess.Popen([sys.executable, "-c", HOLD, *names], stdout=subprocess.PIPE)  # noqa: ASYNC220 (it does not wait)
    assert holder.stdout is not None
    assert await asyncio.to_thread(holder.stdout.readline) == b"held\n"
    _, result = await instant.run("print(2)", environment=environment)
    await asyncio.to_thread(holder.wait, 10)
    assert result.status == "succeeded"
    assert len(builds) == 1


HOLD = """
import fcntl, os, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(1)
os.rename(sys.argv[2], sys.argv[3])
"""


@pytest.mark.parametrize("damage", ["manifest", "cut", "interpreter", "packages", "another life"])
async def test_a_damaged_one_is_never_used(instant: Grid, shop: Shop, builds: list[Path], damage: str) -> None:
    shop.wheel("thing")
    environment = await python(instant, shop.lock("thing"))
    await instant.run("pass", environment=environment)
    [kept] = instant.node.environments.kept()
    folder = instant.folder / "environments" / kept.id
    manifest = folder / MANIFEST
    if damage == "manifest":
        manifest.unlink()
    elif damage == "cut":
        manifest.write_bytes(manifest.read_bytes()[:-20])
    elif damage == "interpreter":
        (folder / "bin/python").unlink()
        (folder / "bin/python").symlink_to("/nowhere/python3.11")
    elif damage == "packages":
        (folder / "lib").rename(folder / "gone")
    if damage == "another life":
        found = read_manifest(folder)
        assert found is not None
        manifest.write_bytes(to_json(replace(found, life="before the power went")))
    instant.archives.clear()
    _, result = await instant.run("print(2)", environment=environment)
    assert result.status == "succeeded"
    assert len(builds) == 2
    await instant.until(lambda: len([1 for verb, _ in instant.reports if verb == "environment"]) == 3)
    events = [fact["event"] for verb, fact in instant.reports if verb == "environment"]
    assert sorted(events) == ["built", "built", "dropped"]
    [dropped] = [fact for verb, fact in instant.reports if verb == "environment" and fact["event"] == "dropped"]
    assert (dropped["reason"], dropped["id"]) == ("damaged", kept.id)


async def test_what_a_killed_build_left_is_swept_away(instant: Grid, shop: Shop, tmp_path: Path) -> None:
    """A runner is killed while uv works: uv dies with it, and the next life builds anew."""
    shop.wheel("thing")
    environment = await python(instant, shop.lock("thing"))
    folder = tmp_path / "node" / "environments"
    reading, writing = os.pipe()
    env = {**os.environ, "SLOW": str(writing)}
    command = [sys.executable, "-c", SLOW_BUILD, str(folder)]
    process = subprocess.Popen(command, env=env, pass_fds=(writing,))  # noqa: ASYNC220 (it does not wait)
    os.close(writing)
    await asyncio.to_thread(os.read, reading, 1)
    for _ in range(500):
        if tools := descendants(process.pid):
            break
        await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(process.wait)
    os.close(reading)
    assert [path for path in folder.iterdir() if path.name.startswith(".env_")]
    for _ in range(500):
        if not any(_alive(pid) for pid in tools):
            break
        await asyncio.sleep(0.01)
    assert not any(_alive(pid) for pid in tools)
    await instant.end()
    instant.begin()
    await instant.until(lambda: [verb for verb, _ in instant.reports if verb == "joined"][1:])
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    _, result = await instant.run("pass", environment=environment)
    assert result.status == "succeeded"


SLOW_BUILD = """
import asyncio, os, sys
from pathlib import Path
from services.runner.environments import tool
from services.runner.environments.shelf import Shelf
from services.runner.environments.using import alone

async def main():
    shelf = Shelf(Path(sys.argv[1]))
    async with alone(shelf.lock("env_" + "0" * 24)):
        folder = shelf.beside("env_" + "0" * 24)
        os.write(int(os.environ["SLOW"]), b"x")
        await tool.run(["/bin/sleep", "60"], folder, {})

asyncio.run(main())
"""


def _alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return ") Z" not in Path(f"/proc/{pid}/stat").read_text()
    return False


async def test_who_uses_it_finds_it_at_once(instant: Grid, shop: Shop, builds: list[Path]) -> None:
    """Also after the runner was started again; what was fetched for it before is not fetched again."""
    shop.wheel("thing")
    environment = await python(instant, shop.lock("thing"))
    await instant.run("pass", environment=environment)
    await instant.end()
    instant.begin()
    await instant.until(lambda: [verb for verb, _ in instant.reports if verb == "joined"][1:])
    _, result = await instant.run("pass", environment=environment)
    assert result.status == "succeeded"
    assert len(builds) == 1


async def test_a_run_that_waits_for_its_packages_says_so(
    make_grid: Make, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its script begins, again while it takes, and at the end; the log of the script follows without a gap."""
    monkeypatch.setattr("services.runner.logs.notice.HELD_SECONDS", 0.01)
    monkeypatch.setattr("services.runner.logs.notice.AGAIN_SECONDS", 0.05)
    real, enough = building.make, asyncio.Event()

    async def slow(*arguments: Any) -> None:
        await enough.wait()
        await real(*arguments)

    monkeypatch.setattr(building, "make", slow)
    grid = await make_grid("process")
    shop.wheel("thing")
    environment = await python(grid, shop.lock("thing"))
    running = await grid.send(await grid.job(IMPORT, environment=environment))
    await grid.until(lambda: grid.log(running, "rgrid").count(b"\n") >= 3)
    assert not grid.facts("started", running)
    enough.set()
    result = await grid.finished(running)
    assert result.status == "succeeded"
    first, *again, last = grid.log(running, "rgrid").decode().splitlines()
    assert first == "environment  1 package: being made ready on the node"
    assert again and all(re.fullmatch(r"environment  still being made ready, \d+ s", line) for line in again)
    assert re.fullmatch(r"environment  ready after \d+ s", last)
    assert grid.log(running, "stdout") == b"42\n"
    assert result.log.chunks == len(grid.chunks[running])


async def test_once_it_is_on_the_disk_it_outlives_the_machine_going_down(instant: Grid, shop: Shop) -> None:
    shop.wheel("thing")
    await instant.run("pass", environment=await python(instant, shop.lock("thing")))
    for _ in range(600):
        if all(not each.manifest.life for each in instant.node.environments.kept()):
            break
        await asyncio.sleep(0.05)
    [kept] = instant.node.environments.kept()
    assert kept.manifest.life == ""
