"""The disk budget: who was used last goes last, and nothing goes while it is used."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from services.runner.environments.budget import shrink_caches
from services.runner.environments.shelf import Shelf
from services.runner.environments.using import together, use
from services.runtime import subjects
from services.runtime.messages import ForgetWork
from services.runtime.plain import to_json
from tests.services.runner.environments.conftest import python
from tests.services.runner.environments.wheels import Shop
from tests.services.runner.grid import ACCOUNT, NODE, Grid, Make

SLEEP = "import time; print('there', flush=True); time.sleep({})"


def dropped(grid: Grid) -> list[tuple[str, str]]:
    """(id, reason)"""
    facts = [fact for verb, fact in grid.reports if verb == "environment" and fact["event"] == "dropped"]
    return [(fact["id"], fact["reason"]) for fact in facts]


async def ids(grid: Grid, shop: Shop, *names: str) -> list[str]:
    """Make an environment for each; their ids."""
    found = []
    for name in names:
        shop.wheel(name)
        execution, _ = await grid.run(f"print('{name}')", environment=await python(grid, shop.lock(name)))
        found.append(grid.facts("environment", execution)[0]["id"])
    return found


async def test_the_least_recently_used_one_goes_first(make_grid: Make, shop: Shop) -> None:
    grid = await make_grid("instant")
    first, second = await ids(grid, shop, "one", "two")
    await grid.run("print(3)", environment=await python(grid, shop.lock("one")))
    size = max(each.manifest.size_bytes for each in grid.node.environments.kept())
    grid.environment_bytes_max = size * 5 // 2
    await grid.end()
    grid.begin()
    [third] = await ids(grid, shop, "three")
    await grid.until(lambda: dropped(grid))
    assert dropped(grid) == [(second, "budget")]
    assert {each.id for each in grid.node.environments.kept()} == {first, third}


async def test_what_is_used_stays_whatever_the_budget_is(make_grid: Make, shop: Shop) -> None:
    grid = await make_grid("process", environment_bytes_max=1)
    shop.wheel("one")
    job = await grid.job(SLEEP.format(60), environment=await python(grid, shop.lock("one")))
    running = await grid.send(job)
    await grid.until(lambda: grid.log(running, "stdout"))
    [second] = await ids(grid, shop, "two")
    [kept] = [each for each in grid.node.environments.kept() if each.id != second]
    await grid.cancel(running)
    await grid.finished(running)
    await ids(grid, shop, "three")
    await grid.until(lambda: kept.id in [each for each, _ in dropped(grid)])


async def forget(grid: Grid, *environments: str) -> None:
    work: Any = ForgetWork(ACCOUNT, environments)
    await grid.bus.publish(subjects.work(NODE, "environment"), to_json(work))


async def test_what_nobody_trusts_any_more_is_thrown_away(instant: Grid, shop: Shop) -> None:
    [first] = await ids(instant, shop, "one")
    await forget(instant, first, "env_" + "0" * 24, "../../etc", "")
    await instant.until(lambda: dropped(instant))
    assert dropped(instant) == [(first, "invalidated")]
    assert not instant.node.environments.kept()
    await instant.run("print(2)", environment=await python(instant, shop.lock("one")))
    assert [each.id for each in instant.node.environments.kept()] == [first]


async def test_it_is_thrown_away_when_nothing_uses_it_any_more(make_grid: Make, shop: Shop) -> None:
    """Without boxes a script has the folder itself; it keeps it to its end."""
    grid = await make_grid("process")
    [first] = await ids(grid, shop, "one")
    code = "import time, one\nprint('there', flush=True)\ntime.sleep(1)\nimport one_more\nprint(one_more.VALUE)"
    shop.wheel("two", two="", one_more="VALUE = 1\n")
    shop.wheel("one")
    running = await grid.send(await grid.job(code, environment=await python(grid, shop.lock("one", "two"))))
    await grid.until(lambda: grid.log(running, "stdout"))
    used = next(each.id for each in grid.node.environments.kept() if each.id != first)
    await forget(grid, used)
    for _ in range(1000):
        if used in grid.node.environments._doomed:
            break
        await asyncio.sleep(0.01)
    assert not dropped(grid)
    assert (await grid.finished(running)).status == "succeeded"
    await grid.until(lambda: dropped(grid) == [(used, "invalidated")])


async def test_it_stays_for_an_attempt_whose_box_has_not_begun(
    needs_bubblewrap: None, make_grid: Make, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has it thrown away, be it another account, takes it from nobody."""
    grid = await make_grid("bubblewrap")
    reached, go, real = asyncio.Event(), asyncio.Event(), type(grid.sandbox).start

    async def start(self: Any, spec: Any) -> Any:
        reached.set()
        await go.wait()
        return await real(self, spec)

    monkeypatch.setattr(type(grid.sandbox), "start", start)
    shop.wheel("one")
    running = await grid.send(await grid.job("import one", environment=await python(grid, shop.lock("one"))))
    await asyncio.wait_for(reached.wait(), 30)
    [kept] = grid.node.environments.kept()
    await forget(grid, kept.id)
    for _ in range(1000):
        if kept.id in grid.node.environments._doomed:
            break
        await asyncio.sleep(0.01)
    assert [each.id for each in grid.node.environments.kept()] == [kept.id]
    assert not dropped(grid)
    go.set()
    assert (await grid.finished(running)).status == "succeeded"
    await grid.until(lambda: dropped(grid) == [(kept.id, "invalidated")])


async def test_what_waits_in_a_box_keeps_what_it_shows_while_others_get_a_new_one(
    needs_bubblewrap: None, make_grid: Make, shop: Shop
) -> None:
    """As warm interpreters do: they are no attempts, and may wait for long."""
    grid = await make_grid("bubblewrap")
    [first] = await ids(grid, shop, "one")
    fd = use(grid.folder / "environments" / first)
    assert fd is not None
    await forget(grid, first)
    await grid.until(lambda: dropped(grid) == [(first, "invalidated")])
    assert "lib" in os.listdir(fd)  # noqa: PTH208 (of what has no name any more)
    execution, result = await grid.run("import one", environment=await python(grid, shop.lock("one")))
    assert result.status == "succeeded"
    assert [fact["event"] for fact in grid.facts("environment", execution)] == ["built"]
    os.close(fd)


async def test_another_process_keeps_it_by_using_it(instant: Grid, shop: Shop) -> None:
    """As warm interpreters do that outlive the attempt."""
    [first] = await ids(instant, shop, "one")
    fd = use(instant.folder / "environments" / first)
    assert fd is not None
    instant.environment_bytes_max = 1
    await instant.end()
    instant.begin()
    await ids(instant, shop, "two")
    await asyncio.sleep(0.2)
    assert first in [each.id for each in instant.node.environments.kept()]


async def test_caches_stay_while_somebody_builds(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path)
    kept = shelf.cache("uv") / "wheel"
    kept.parent.mkdir()
    kept.write_bytes(b"x" * 100_000)
    async with together(shelf.caches), together(shelf.caches):
        shrink_caches(shelf, 1)
        assert kept.exists()
    shrink_caches(shelf, 1_000_000)
    assert kept.exists()
    shrink_caches(shelf, 1)
    assert not kept.exists()
    assert not list(tmp_path.glob(".gone.*"))


def test_files_that_vanish_while_they_are_counted_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf(tmp_path)
    shelf.cache("uv").mkdir()
    walk = [(str(shelf.cache("uv")), [], ["vanished"])]
    monkeypatch.setattr("services.runner.environments.budget.os.walk", lambda _: walk)
    shrink_caches(shelf, 1)
    assert shelf.cache("uv").is_dir()
