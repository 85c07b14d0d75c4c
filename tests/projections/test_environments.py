"""Environments in the read models: what is there, who used it, whose archive is needed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from domain.environment import commands as c
from domain.environment.decider import environment_id
from domain.environment.events import EnvironmentFetched, Recipe
from domain.environment.lookup import Made
from domain.errors import DamagedHistory, Invalid, NotFound
from domain.execution.job import Environment
from domain.files import FileRef
from projections.check import check
from projections.database import Database
from projections.environment_queries import EnvironmentFilters, LastLock
from projections.environments import ENVIRONMENTS
from projections.projection import Meta
from projections.queries import Queries
from projections.service_queries import ServiceQueries
from projections.store import Projector
from services.runtime.log import Ref
from tests.projections.histories import START_US, ListLog, World

LOCK = FileRef("requirements.lock", "b" * 64, 9)
RECIPE = Recipe("python", LOCK.sha256, "cpython-3.11.7-linux-x86_64")
OTHER = replace(RECIPE, target="cpython-3.12.1-linux-x86_64")
ARCHIVE = FileRef("environment.tar.zst", "c" * 64, 70)
ALL = EnvironmentFilters()
DAY_US = 86_400_000_000


def ref(recipe: Recipe = RECIPE, account: str = "local") -> Ref:
    return Ref(account, "environment", environment_id(recipe))


class House(World):
    """A world of environments."""

    def build(self, recipe: Recipe = RECIPE, node: str = "n1", archive: FileRef | None = ARCHIVE) -> None:
        self.send(ref(recipe), c.RecordBuild(recipe, node, 6, 100, 1200, archive))

    def run(self, number: int, lock: FileRef = LOCK, path: str = "a.py", **more: Any) -> None:
        packages = Environment("python", lock, "requirements.txt")
        script = FileRef(path, "5" * 64, 1)
        job = replace(self.job(), script=script, environment=packages)
        self.lifecycle(Ref("local", "execution", f"exec_{number:012d}"), job, **more)


@pytest.fixture
def house() -> House:
    return House(3)


async def listed(queries: Queries, filters: EnvironmentFilters = ALL) -> list[dict[str, Any]]:
    return (await queries.environments("local", filters))[0]


async def test_one_that_was_built_and_fetched_and_used(house: House, projector: Projector, queries: Queries) -> None:
    house.build()
    house.send(ref(), c.RecordFetch("n2", 100, 30))
    house.run(1)
    await projector.apply(house.log)
    (doc,) = await listed(queries)
    assert (doc["id"], doc["status"], doc["source"], doc["script"]) == (ref().id, "good", "requirements.txt", "a.py")
    assert (doc["packages"], doc["build_ms"], doc["nodes"], doc["built_by"]) == (6, 1200, ["n1", "n2"], "n1")
    assert doc["archive"] == {"sha256": ARCHIVE.sha256, "size_bytes": 70}
    assert doc["used_by"] == "exec_000000000001" and doc["used_at"] > doc["built_at"]
    assert await queries.environment_totals("local", ALL) == {"count": 1, "size_bytes": 200, "archive_bytes": 70}
    assert await listed(queries, EnvironmentFilters(script="a.py")) == [doc]
    assert await listed(queries, EnvironmentFilters(script="b.py")) == []
    assert (await queries.environments("other", ALL))[0] == []


async def test_the_archive_is_needed_until_it_is_thrown_away(
    house: House, projector: Projector, services: ServiceQueries, queries: Queries, database: Database
) -> None:
    house.build()
    await projector.apply(house.log)
    assert await services.blob_needed("local", [ARCHIVE.sha256]) == {ARCHIVE.sha256}
    house.send(ref(), c.InvalidateEnvironment("key:k1"))
    await projector.apply(house.log)
    assert await services.blob_needed("local", [ARCHIVE.sha256]) == set()
    assert await listed(queries) == []
    (doc,) = await listed(queries, EnvironmentFilters(gone=True))
    assert (doc["status"], doc["invalidated_by"], doc["archive"], doc["nodes"]) == (
        "invalidated",
        "key:k1",
        None,
        ["n1"],
    )
    house.build(archive=None)
    house.send(ref(), c.RecordDrop("n1", "budget"))
    house.build(node="n2", archive=replace(ARCHIVE, sha256="d" * 64))
    await projector.apply(house.log)
    (doc,) = await listed(queries)
    assert (doc["archive"]["sha256"], doc["nodes"], doc["invalidated_at"]) == ("d" * 64, ["n2"], None)
    assert not (await check(database, ListLog(house.log))).differences


async def test_pages_and_what_is_meant_by_an_id(house: House, projector: Projector, queries: Queries) -> None:
    recipes = [replace(RECIPE, target=f"cpython-3.11.{n}-linux-x86_64") for n in range(5)]
    for recipe in recipes:
        house.build(recipe)
    await projector.apply(house.log)
    ids, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        docs, cursor = await queries.environments("local", ALL, cursor=cursor, limit=2)
        ids += [doc["id"] for doc in docs]
        pages += 1
    assert (ids, pages) == ([environment_id(recipe) for recipe in reversed(recipes)], 3)
    assert await queries.resolve_environment("local", "@last") == ids[0]
    assert await queries.resolve_environment("local", ids[2][4:12]) == ids[2]
    with pytest.raises(NotFound):
        await queries.resolve_environment("other", ids[0])
    with pytest.raises(Invalid):
        await queries.environments("local", ALL, cursor="x")


async def test_what_was_made_of_a_lock(house: House, projector: Projector, services: ServiceQueries) -> None:
    house.build()
    house.build(OTHER)
    house.build(replace(RECIPE, builds=True))
    house.send(ref(OTHER), c.InvalidateEnvironment("key:k1", pruned=True))
    await projector.apply(house.log)
    made = await services.made_of("local", "python", LOCK.sha256, builds=False)
    assert sorted(made, key=lambda each: each.target) == [
        Made(ref().id, RECIPE.target, 6, 1200, ("n1",)),
        Made(ref(OTHER).id, OTHER.target, 6, 1200, ("n1",), False, True, "key:k1"),
    ]
    assert await services.made_of("other", "python", LOCK.sha256, builds=False) == []


async def test_the_last_lock_that_a_script_had(house: House, projector: Projector, services: ServiceQueries) -> None:
    first, second = replace(LOCK, sha256="1" * 64), replace(LOCK, sha256="2" * 64)
    for number, lock in enumerate((first, second, LOCK, LOCK)):
        house.run(number, lock)
    house.run(7, first, "b.py")
    house.lifecycle(
        Ref("local", "execution", "exec_plain"),
        replace(house.job(), script=FileRef("a.py", "5" * 64, 1), environment=None),
    )
    await projector.apply(house.log)
    last = len(house.log) + 1
    assert await services.last_other_lock("local", "a.py", LOCK.sha256, last) == LastLock("python", second.sha256)
    assert await services.last_other_lock("local", "a.py", second.sha256, last) == LastLock("python", LOCK.sha256)
    assert await services.last_other_lock("local", "a.py", first.sha256, 1) is None
    assert await services.last_other_lock("local", "c.py", first.sha256, last) is None


async def test_what_nobody_used_for_long(house: House, projector: Projector, services: ServiceQueries) -> None:
    house.build()
    house.build(replace(RECIPE, lock="9" * 64))
    house.now_us += 10 * DAY_US
    house.run(1)
    await projector.apply(house.log)
    unused = environment_id(replace(RECIPE, lock="9" * 64))
    since_us = START_US + 5 * DAY_US
    assert await services.unused_environments(since_us, 10) == [("local", unused, START_US)]
    found = await services.unused_environments(START_US + 11 * DAY_US, 10)
    assert {id for _, id, _ in found} == {ref().id, unused}


def test_what_was_never_built_has_no_further_life() -> None:
    fetched = EnvironmentFetched("n1", 1, 1)
    with pytest.raises(DamagedHistory):
        ENVIRONMENTS.on[EnvironmentFetched].fold(None, fetched, Meta(1, "local", "env_x", START_US))


async def test_an_execution_says_what_it_runs_in(house: House, projector: Projector, queries: Queries) -> None:
    house.run(1)
    job = replace(house.job(), environment=None, interpreter="", image="")
    house.lifecycle(Ref("local", "execution", "exec_000000000002"), job)
    await projector.apply(house.log)
    page = await queries.list_executions("local")
    plain, needy = (orjson.loads(item)["environment"] for item in page.items)
    assert plain is None
    assert (needy["kind"], needy["source"], needy["lock"]["sha256"]) == ("python", "requirements.txt", LOCK.sha256)
    assert (needy["image"], needy["builds"]) == (None, False)
