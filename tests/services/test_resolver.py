"""The resolver: what hit, what missed and why; and a run that need not be, because the same one was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from domain.environment.lookup import Made
from domain.errors import NotFound
from domain.execution import events as e
from domain.execution.job import Environment, Job
from domain.files import FileRef, file_set
from domain.memo import memo_key
from domain.node.events import NodeJoined
from domain.node.offer import Offer
from projections.environment_queries import LastLock
from projections.history_queries import Ran
from projections.service_queries import Seen
from services.resolver import SERVICE as RESOLVER
from services.resolver import Resolver
from services.runtime.log import Ref
from services.runtime.messages import BlobRef
from services.runtime.plain import to_plain
from services.runtime.service import Service
from tests.services.shell import Bench

NODE = Ref("grid", "node", "n1")
RUN, LAST = Ref("a", "execution", "exec_x"), Ref("a", "execution", "exec_last")
INPUT = FileRef("in.csv", "b" * 64, 3)
HERE = "cpython-3.11.7-linux-x86_64"
PINS = "".join(f"{pin} --hash=sha256:{'a' * 64}\n" for pin in ("pandas==2.3", "six==1.16")).encode()
LOCK = FileRef("requirements.lock", sha256(PINS).hexdigest(), len(PINS))
OLD_PINS = PINS.replace(b"2.3", b"2.2").replace(b"six==1.16", b"attrs==1.0")
OLD = sha256(OLD_PINS).hexdigest()
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
        self.made: list[Made] = []
        self.locked: LastLock | None = None
        self.nodes = {"n1": NodeJoined("i1", Offer("local", 1, 1, "process", ("python",), targets=(HERE,)))}

    async def seen(self, account: str, path: str, sha256: str, hashes: set[str], before: int) -> Seen:
        return Seen(True, True, frozenset(hashes))

    async def memo(self, account: str, keys: Collection[str]) -> dict[str, Ran]:
        return {key: Ran(id, to_plain(result), "n1", "i1") for key, (id, result) in self.served.items() if key in keys}

    async def last_of_script(self, account: str, path: str, before: int) -> str | None:
        return self.last

    async def made_of(self, account: str, kind: str, lock: str, builds: bool) -> list[Made]:
        return self.made if (kind, lock) == ("python", LOCK.sha256) else []

    async def last_other_lock(self, account: str, path: str, lock: str, before: int) -> LastLock | None:
        return self.locked

    async def nodes_joined(self) -> dict[str, NodeJoined]:
        return self.nodes


class Store:
    """A store that has all but what is `gone`."""

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.blobs: dict[str, bytes] = {}
        self.opened: list[str] = []

    async def open(self, account: str, sha256: str) -> AsyncIterator[bytes]:
        self.opened.append(sha256)
        if sha256 not in self.blobs:
            raise NotFound("It is gone.")
        yield self.blobs[sha256]

    async def missing(self, account: str, blobs: Collection[BlobRef]) -> list[BlobRef]:
        return [blob for blob in blobs if blob.sha256 in self.gone]


def bench() -> Bench:
    service = Service("resolver", RESOLVER.consumes, RESOLVER.sends, Resolver().react)
    return Bench(service, Rows(), Store())


async def served(job: Job = JOB, then: str = HERE) -> Bench:
    """A world in which the same ran before, with that interpreter."""
    world = bench()
    world.queries.served = {memo_key(job): ("exec_y", DONE)}
    for life, target in (("i0", "cpython-3.13.1-linux-x86_64"), ("i1", then), ("i2", HERE)):
        await world.given(NODE, NodeJoined(life, Offer("local", 1, 1, "process", ("python",), targets=(target,))))
    return world


def submitted(job: Job = JOB, memoize: bool = True) -> e.ExecutionSubmitted:
    return e.ExecutionSubmitted(job, "f", memoize=memoize)


async def resolved(bench: Bench, event: e.ExecutionSubmitted) -> list[Any]:
    await bench.happened(await bench.given(RUN, event))
    return (await bench.events(RUN))[1:]


async def test_a_run_that_succeeded_before_serves() -> None:
    world = await served()
    cached, finished = await resolved(world, submitted())
    assert cached.memo == e.Lookup("hit", "exec_y ran the same and succeeded")
    assert (finished.reused_from, finished.attempt, finished.result.outputs) == ("exec_y", 0, DONE.outputs)
    assert (finished.result.started_at_us, finished.result.ended_at_us) == (None, world.now_us)
    assert finished.result.usage == e.Usage()


async def test_a_run_whose_files_are_gone_does_not_serve() -> None:
    world = await served()
    world.store.gone.add(INPUT.sha256)
    (cached,) = await resolved(world, submitted())
    assert cached.memo.result == "miss"


async def test_a_run_of_another_interpreter_does_not_serve() -> None:
    world = await served(then=HERE.replace("11.7", "11.6"))
    (cached,) = await resolved(world, submitted())
    assert cached.memo.result == "miss"
    world = await served(then=HERE.replace("11.7", "11.6"))
    world.queries.nodes = {}
    cached, _ = await resolved(world, submitted())
    assert cached.memo.result == "hit", "nobody is there who would have another one"
    world = await served()
    world.queries.nodes["n2"] = NodeJoined(
        "i9", Offer("local", 1, 1, "process", ("python",), targets=("cpython-3.12.1-linux-x86_64",))
    )
    assert (await resolved(world, submitted()))[0].memo.result == "hit", "one of the nodes still has it"


async def test_a_run_in_an_image_serves_when_the_image_is_named_by_digest() -> None:
    job = replace(JOB, image="mine:latest")
    (cached,) = await resolved(await served(job), submitted(job))
    assert (
        cached.memo.reason == "the image mine:latest can change: name it by digest (NAME@sha256:…) to have runs reused"
    )
    job = replace(JOB, image=f"mine@sha256:{'a' * 64}")
    cached, finished = await resolved(await served(job), submitted(job))
    assert (cached.memo.result, finished.reused_from) == ("hit", "exec_y")


async def test_without_being_asked_nothing_serves() -> None:
    world = await served()
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


NEEDY = replace(JOB, environment=Environment("python", LOCK, "requirements.txt"))


async def of_environment(world: Bench, job: Job = NEEDY) -> e.Lookup:
    (cached,) = await resolved(world, submitted(job, memoize=False))
    assert isinstance(cached.environment, e.Lookup)
    return cached.environment


async def test_without_packages_there_is_nothing_to_make() -> None:
    assert await of_environment(bench(), JOB) == e.Lookup("hit", "the runtime alone: no dependencies declared")


async def test_packages_that_were_built_before_are_a_hit_and_no_lock_is_read() -> None:
    world = bench()
    world.queries.made = [Made("env_1", HERE, 2, 900)]
    assert await of_environment(world) == e.Lookup("hit", "2 packages of requirements.txt, built before")
    assert world.store.opened == []


async def test_packages_that_nobody_built_are_a_miss() -> None:
    assert await of_environment(bench()) == e.Lookup("miss", "not built before")


async def test_a_changed_lock_is_told_package_by_package_and_read_once() -> None:
    world = bench()
    world.queries.locked = LastLock("python", OLD)
    world.store.blobs = {LOCK.sha256: PINS, OLD: OLD_PINS}
    found = await of_environment(world)
    assert found == e.Lookup("miss", "requirements.txt changed: pandas 2.2 → 2.3, +six 1.16, -attrs")
    assert sorted(world.store.opened) == sorted([LOCK.sha256, OLD])


async def test_an_old_lock_that_is_gone_leaves_the_word_that_it_changed() -> None:
    world = bench()
    world.queries.locked = LastLock("python", "f" * 64)
    world.store.blobs = {LOCK.sha256: PINS}
    assert await of_environment(world) == e.Lookup("miss", "requirements.txt changed")
    world = bench()
    world.queries.locked = LastLock("node", "f" * 64)
    assert await of_environment(world) == e.Lookup("miss", "not built before")


async def test_another_interpreter_on_the_nodes_is_a_miss() -> None:
    world = bench()
    world.queries.made = [Made("env_1", HERE.replace("11.7", "11.6"), 2, 900)]
    found = await of_environment(world)
    assert found.reason == ("made for cpython-3.11.6-linux-x86_64, the nodes have 3.11.7: the interpreter changed")
