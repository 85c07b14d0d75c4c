"""The resolver: what hit, what missed and why; and a run that need not be, because the same one was."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import pytest

from domain.execution import events as e
from domain.execution.job import Job
from domain.files import FileRef, file_set
from domain.memo import memo_key
from projections.service_queries import Seen
from services.resolver import SERVICE as RESOLVER
from services.resolver import Resolver
from services.runtime.log import Ref
from services.runtime.messages import BlobRef
from services.runtime.plain import to_plain
from services.runtime.service import Service
from tests.services.shell import Bench

RUN, LAST = Ref("a", "execution", "exec_x"), Ref("a", "execution", "exec_last")
INPUT = FileRef("in.csv", "b" * 64, 3)
JOB = Job("python", FileRef("s.py", "a" * 64, 1), ("--fast",), file_set((INPUT,)))
DONE = e.AttemptResult(
    "succeeded",
    e.Reason("OK", "ok"),
    0,
    started_at_us=5,
    ended_at_us=7,
    usage=e.Usage(9, 9, 9),
    outputs=file_set((INPUT,)),
)


class Rows:
    """What the read models say."""

    def __init__(self) -> None:
        self.served: dict[str, tuple[str, Any]] = {}
        self.last: str | None = None

    async def seen(self, account: str, path: str, sha256: str, hashes: set[str], before: int) -> Seen:
        return Seen(True, True, frozenset(hashes))

    async def memo(self, account: str, keys: Collection[str]) -> dict[str, tuple[str, Any]]:
        return {key: (id, to_plain(result)) for key, (id, result) in self.served.items() if key in keys}

    async def last_of_script(self, account: str, path: str, before: int) -> str | None:
        return self.last


class Store:
    """A store that has all but what is `gone`."""

    def __init__(self) -> None:
        self.gone: set[str] = set()

    async def missing(self, account: str, blobs: Collection[BlobRef]) -> list[BlobRef]:
        return [blob for blob in blobs if blob.sha256 in self.gone]


def bench() -> Bench:
    service = Service("resolver", RESOLVER.consumes, RESOLVER.sends, Resolver().react)
    return Bench(service, Rows(), Store())


def submitted(job: Job = JOB, memoize: bool = True) -> e.ExecutionSubmitted:
    return e.ExecutionSubmitted(job, "f", memoize=memoize)


async def resolved(bench: Bench, event: e.ExecutionSubmitted) -> list[Any]:
    await bench.happened(await bench.given(RUN, event))
    return (await bench.events(RUN))[1:]


async def test_a_run_that_succeeded_before_serves() -> None:
    world = bench()
    world.queries.served = {memo_key(JOB): ("exec_y", DONE)}
    cached, finished = await resolved(world, submitted())
    assert cached.memo == e.Lookup("hit", "exec_y ran the same and succeeded")
    assert (finished.reused_from, finished.attempt, finished.result.outputs) == ("exec_y", 0, DONE.outputs)
    assert (finished.result.started_at_us, finished.result.ended_at_us) == (None, world.now_us)
    assert finished.result.usage == e.Usage()


async def test_a_run_whose_files_are_gone_does_not_serve() -> None:
    world = bench()
    world.queries.served = {memo_key(JOB): ("exec_y", DONE)}
    world.store.gone.add(INPUT.sha256)
    (cached,) = await resolved(world, submitted())
    assert cached.memo.result == "miss"


async def test_without_being_asked_nothing_serves() -> None:
    world = bench()
    world.queries.served = {memo_key(JOB): ("exec_y", DONE)}
    (cached,) = await resolved(world, submitted(memoize=False))
    assert cached.memo is None


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(JOB, args=()), "other arguments than the last run of s.py, exec_last"),
        (replace(JOB, inputs=file_set(())), "other inputs than the last run of s.py, exec_last"),
        (replace(JOB, env={"A": "b"}, network=True), "other settings than the last run of s.py, exec_last"),
        (replace(JOB, script=FileRef("s.py", "c" * 64, 1), args=()), "other script and arguments than"),
        (JOB, "did not succeed"),
    ],
)
async def test_a_miss_names_what_differs_from_the_last_run(other: Job, said: str) -> None:
    world = bench()
    world.queries.last = LAST.id
    await world.given(LAST, submitted(other))
    (cached,) = await resolved(world, submitted())
    assert cached.memo.result == "miss" and said in cached.memo.reason


async def test_a_first_run_says_that_it_is_one() -> None:
    (cached,) = await resolved(bench(), submitted())
    assert cached.memo == e.Lookup("miss", "s.py has not run before")
