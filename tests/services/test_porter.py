"""The porter: URLs for the blobs of an attempt, to the node that holds it, and to nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import orjson
import pytest

from domain.environment import events as env
from domain.environment.decider import environment_id, recipe_of
from domain.environment.events import EnvironmentBuilt, EnvironmentEvent, EnvironmentInvalidated, Recipe
from domain.execution import events as e
from domain.execution.job import Environment, Job
from domain.files import FileRef, FileSet
from services.porter import SERVICE, Porter
from services.runtime.log import Ref
from services.runtime.messages import URLS_MAX, BlobRef, UrlsGiven, UrlsWanted
from tests.services.shell import NOW, Bench

RUN = Ref("a", "execution", "exec_x")
SCRIPT, LISTED = "1" * 64, "2" * 64
MANIFEST, SHARED = "3" * 64, "4" * 64
HIT = e.Lookup("hit", "known")


class Store:
    """A store that holds one manifest and signs by writing down what it was asked for."""

    def download_url(self, account: str, sha256: str, scope: str) -> str:
        return f"get {account} {scope}"

    def upload_url(self, account: str, sha256: str, size_bytes: int, scope: str) -> str:
        return f"put {account} {size_bytes} {scope}"

    def bundle_url(self, account: str, size_bytes: int, scope: str) -> str:
        return f"bundle {account} {scope}"

    def pick_url(self, account: str, digest: str, scope: str) -> str:
        return f"pick {account} {digest[:4]} {scope}"

    async def missing(self, account: str, blobs: Sequence[BlobRef]) -> list[BlobRef]:
        return [blob for blob in blobs if blob.sha256 != SCRIPT]

    async def open(self, account: str, sha256: str) -> AsyncIterator[bytes]:
        assert sha256 == MANIFEST
        yield orjson.dumps([{"path": "x", "sha256": LISTED, "size_bytes": 1}])


async def answer(node: str, direction: str, *blobs: str, attempt: int = 1, bundles: bool = False) -> UrlsGiven:
    shared = FileSet(1, 1, (FileRef("model", SHARED, 1),))
    job = Job("python", FileRef("a.py", SCRIPT, 1), inputs=FileSet(1, 1, (), MANIFEST), shared=shared)
    bench = Bench(SERVICE, store=Store())
    await bench.given(
        RUN,
        e.ExecutionSubmitted(job, "f"),
        e.ExecutionCached(HIT, HIT, HIT),
        e.ExecutionAssigned(1, "n1", "i1", "local", NOW),
    )
    wanted = UrlsWanted("a", "exec_x", attempt, direction, tuple(BlobRef(sha256, 7) for sha256 in blobs), bundles)
    return await Porter(bench.context(), bench.store).answer(node, wanted)


async def test_the_holder_gets_every_blob_of_its_job() -> None:
    wanted = (SCRIPT, LISTED, MANIFEST, SHARED)
    assert (await answer("n1", "download", *wanted)).urls == dict.fromkeys(wanted, "get a exec_x.1")


async def test_blobs_of_another_job_are_not_given() -> None:
    given = await answer("n1", "download", SCRIPT, "9" * 64)
    assert (given.urls, given.error) == ({}, "NOT_YOURS")


async def test_only_what_is_missing_is_uploaded() -> None:
    assert (await answer("n1", "upload", SCRIPT, "9" * 64)).urls == {"9" * 64: "put a 7 exec_x.1"}


async def test_small_ones_go_in_bundles_for_a_runner_that_can() -> None:
    many = [str(number) * 64 for number in range(4, 9)]
    given = await answer("n1", "upload", SCRIPT, *many, bundles=True)
    assert (given.urls, given.bundle, given.bundled) == ({}, "bundle a exec_x.1", tuple(many))


async def test_many_small_ones_come_in_one_answer_to_a_runner_that_can() -> None:
    given = await answer("n1", "download", SCRIPT, LISTED, MANIFEST, bundles=True)
    assert (given.urls, given.bundle[:7], given.bundled) == ({}, "pick a ", (SCRIPT, LISTED, MANIFEST))


LOCK, ARCHIVE = "5" * 64, "6" * 64
PACKAGES = Environment("python", FileRef("requirements.lock", LOCK, 1))
RECIPE = recipe_of(PACKAGES, "cpython-3.11.7-linux-x86_64")
BUILT = EnvironmentBuilt(RECIPE, "n9", 3, 10, 5, FileRef("environment.tar.zst", ARCHIVE, 7))


async def archive(
    *past: EnvironmentEvent,
    recipe: Recipe = RECIPE,
    account: str = "a",
    node: str = "n1",
    packages: Environment | None = PACKAGES,
    id: str = "",
) -> UrlsGiven:
    """What node n1 hears about the environment of `recipe`, after `past` happened to it in `account`."""
    bench = Bench(SERVICE, store=Store())
    job = Job("python", FileRef("a.py", SCRIPT, 1), environment=packages)
    assigned = e.ExecutionAssigned(1, "n1", "i1", "local", NOW)
    await bench.given(RUN, e.ExecutionSubmitted(job, "f"), e.ExecutionCached(HIT, HIT, HIT), assigned)
    if past:
        await bench.given(Ref(account, "environment", environment_id(recipe)), *past)
    wanted = UrlsWanted("a", "exec_x", 1, "download", (), environment=id or environment_id(recipe))
    return await Porter(bench.context(), bench.store).answer(node, wanted)


async def test_a_node_without_the_environment_of_its_job_gets_what_another_one_made() -> None:
    assert (await archive(BUILT)).urls == {ARCHIVE: "get a exec_x.1"}
    assert (await archive(BUILT, EnvironmentInvalidated("me"), BUILT)).urls == {ARCHIVE: "get a exec_x.1"}


async def test_there_is_nothing_where_nothing_was_made_or_nobody_trusts_it() -> None:
    nothing = UrlsGiven()
    assert await archive() == nothing
    assert await archive(BUILT, EnvironmentInvalidated("me")) == nothing
    assert await archive(replace(BUILT, archive=None)) == nothing


async def test_the_environment_of_another_account_is_none() -> None:
    assert await archive(BUILT, account="b") == UrlsGiven()


async def test_the_environment_of_another_lock_is_not_given() -> None:
    for other in (replace(RECIPE, lock="7" * 64), replace(RECIPE, builds=True), replace(RECIPE, kind="node")):
        assert (await archive(replace(BUILT, recipe=other), recipe=other)).error == "NOT_YOURS"
    assert (await archive(BUILT, packages=None)).error == "NOT_YOURS"


@pytest.mark.parametrize("id", ["*", "a.b", "../x", "x" * 100, "env_ x"])
async def test_what_is_no_id_reaches_no_subject(id: str) -> None:
    assert (await archive(BUILT, id=id)).error == "NOT_YOURS"


async def test_only_the_holder_hears_of_environments() -> None:
    assert (await archive(BUILT, node="n2")).error == "STALE_LEASE"


@pytest.mark.parametrize(("node", "attempt"), [("n2", 1), ("n1", 2), ("n1", 0)])
async def test_who_does_not_hold_the_lease_gets_nothing(node: str, attempt: int) -> None:
    given = await answer(node, "upload", "9" * 64, attempt=attempt)
    assert (given.urls, given.error) == ({}, "STALE_LEASE")


@pytest.mark.parametrize(
    ("direction", "count", "error"), [("sideways", 1, "INVALID_REQUEST"), ("upload", URLS_MAX + 1, "TOO_MANY")]
)
async def test_what_cannot_be_asked_is_refused_by_name(direction: str, count: int, error: str) -> None:
    assert (await answer("n1", direction, *[SCRIPT] * count)).error == error


async def test_what_was_invalidated_a_moment_ago_is_not_given() -> None:
    packages = Environment("python", FileRef("requirements.lock", "b" * 64, 9))
    recipe = recipe_of(packages, "cpython-3.11.7-linux-x86_64")
    ref = Ref("a", "environment", environment_id(recipe))
    bench = Bench(SERVICE, store=Store())
    job = Job("python", FileRef("a.py", SCRIPT, 1), environment=packages)
    assigned = e.ExecutionAssigned(1, "n1", "i1", "local", NOW)
    await bench.given(RUN, e.ExecutionSubmitted(job, "f"), e.ExecutionCached(HIT, HIT, HIT), assigned)
    await bench.given(ref, env.EnvironmentBuilt(recipe, "n2", 6, 100, 1200, FileRef("environment.tar.zst", LISTED, 70)))
    porter, wanted = (
        Porter(bench.context(), bench.store),
        UrlsWanted("a", "exec_x", 1, "download", (), environment=ref.id),
    )
    assert set((await porter.answer("n1", wanted)).urls) == {LISTED}
    await bench.given(ref, env.EnvironmentInvalidated("key:1"))
    assert await porter.answer("n1", wanted) == UrlsGiven()
