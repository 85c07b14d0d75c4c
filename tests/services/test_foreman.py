"""The foreman: work for the node that holds the lease, and the facts of that node only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.environment import events as env
from domain.environment.decider import environment_id, recipe_of
from domain.execution import events as e
from domain.execution.job import Environment, Job
from domain.files import FileRef
from domain.node import events as n
from domain.node.offer import Offer
from services.foreman import SERVICE
from services.runtime.log import Ref
from services.runtime.messages import (
    CancelWork,
    EnvironmentFact,
    FinishedFact,
    ForgetWork,
    JoinedFact,
    LeftFact,
    RunWork,
    StartedFact,
)
from tests.services.shell import NOW, Bench

NODE, RUN = Ref("grid", "node", "n1"), Ref("a", "execution", "exec_x")
JOB = Job("python", FileRef("a.py", "0" * 64, 1))
HIT = e.Lookup("hit", "known")
QUEUED = (e.ExecutionSubmitted(JOB, "f"), e.ExecutionCached(HIT, HIT, HIT))
ASSIGNED = (*QUEUED, e.ExecutionAssigned(1, "n1", "i1", "local", NOW))
OK = e.AttemptResult("succeeded", e.Reason("OK", "ok"))
STARTED, FINISHED = StartedFact("a", "exec_x", 1, NOW, "bubblewrap"), FinishedFact("a", "exec_x", 1, OK)
OFFER = Offer("local", 2000, 1 << 33, "bubblewrap", ("python",))


async def bench_with(*events: Any) -> Bench:
    bench = Bench(SERVICE)
    await bench.given(RUN, *events)
    return bench


async def test_what_is_assigned_is_handed_out() -> None:
    bench = Bench(SERVICE)
    await bench.happened(await bench.given(RUN, *ASSIGNED))
    assert bench.work == [("n1", RunWork("a", "exec_x", 1, JOB))]


async def test_what_was_assigned_long_ago_is_not() -> None:
    bench = Bench(SERVICE)
    assigned = await bench.given(RUN, *ASSIGNED)
    await bench.given(RUN, e.ExecutionAttemptFailed(1, OK, True, NOW), e.ExecutionAssigned(2, "n2", "i2"))
    await bench.happened(assigned)
    assert bench.work == []


async def test_a_cancel_reaches_the_node_that_runs_it() -> None:
    bench = Bench(SERVICE)
    await bench.happened(await bench.given(RUN, *ASSIGNED, e.ExecutionCancelRequested(1, "me")))
    assert bench.work == [("n1", CancelWork("a", "exec_x", 1))]


async def test_the_facts_of_the_holder_count_once_and_at_the_time_they_were_stored() -> None:
    bench = await bench_with(*ASSIGNED)
    await bench.reported("n1", STARTED)
    await bench.reported("n1", FINISHED, NOW + 3_000_000)
    assert (await bench.events(RUN))[3:] == [
        e.ExecutionStarted(1, "n1", NOW, "bubblewrap"),
        e.ExecutionFinished(1, OK, 3_000_000),
    ]


@pytest.mark.parametrize(("node", "attempt"), [("n2", 1), ("n1", 2), ("n1", 0)])
async def test_others_facts_change_nothing_and_who_starts_without_a_lease_is_stopped(node: str, attempt: int) -> None:
    bench = await bench_with(*ASSIGNED)
    await bench.reported(node, StartedFact("a", "exec_x", attempt, NOW, "process"))
    await bench.reported(node, FinishedFact("a", "exec_x", attempt, OK))
    assert await bench.events(RUN) == list(ASSIGNED)
    assert bench.work == [(node, CancelWork("a", "exec_x", attempt, cause="stale"))]


async def test_facts_of_what_never_was_change_nothing() -> None:
    bench = Bench(SERVICE)
    await bench.reported("n1", FINISHED)
    assert await bench.log.last_position() == 0


async def test_a_node_joins_with_a_way_to_its_work_and_leaves() -> None:
    bench = Bench(SERVICE)
    await bench.reported("n1", JoinedFact("i1", OFFER))
    await bench.reported("n1", LeftFact("an earlier life"))
    await bench.reported("n1", LeftFact("i1"))
    assert await bench.events(NODE) == [n.NodeJoined("i1", OFFER), n.NodeLeft("i1")]
    assert bench.nodes == ["n1", "n1"]


async def test_a_node_without_a_price_does_not_join() -> None:
    bench = Bench(SERVICE)
    await bench.reported("n1", JoinedFact("i1", Offer("cx999", 1, 1, "process")))
    assert await bench.events(NODE) == []


LOCK = FileRef("requirements.lock", "b" * 64, 9)
PACKAGES = Environment("python", LOCK, "requirements.txt")
NEEDY = replace(JOB, environment=PACKAGES)
RECIPE = recipe_of(PACKAGES, "cpython-3.11.7-linux-x86_64")
ENV = Ref("a", "environment", environment_id(RECIPE))
ARCHIVE = FileRef("environment.tar.zst", "c" * 64, 70)
ODD = replace(RECIPE, target="x\n" * 99)
BUILT = EnvironmentFact("a", "exec_x", 1, ENV.id, RECIPE, "built", 100, 1200, 6, ARCHIVE)
HAS_IT = env.EnvironmentBuilt(RECIPE, "n1", 6, 100, 1200, ARCHIVE)


async def needy(job: Job = NEEDY) -> Bench:
    return await bench_with(e.ExecutionSubmitted(job, "f"), *ASSIGNED[1:])


async def test_what_a_node_made_for_its_attempt_is_recorded_once() -> None:
    bench = await needy()
    await bench.reported("n1", BUILT)
    assert await bench.events(ENV) == [HAS_IT]
    await bench.given(RUN, e.ExecutionAttemptFailed(1, OK, True, NOW), e.ExecutionAssigned(2, "n2", "i2"))
    await bench.reported("n2", replace(BUILT, attempt=2, event="fetched", archive=None))
    assert (await bench.events(ENV))[1:] == [env.EnvironmentFetched("n2", 100, 1200)]


@pytest.mark.parametrize(
    ("node", "change"),
    [
        ("n2", {}),
        ("n1", {"attempt": 2}),
        ("n1", {"execution": "exec_y"}),
        ("n1", {"account": "b"}),
        ("n1", {"id": "env_" + "0" * 24}),
        ("n1", {"id": "a.b"}),
        ("n1", {"event": "stolen"}),
        ("n1", {"recipe": replace(RECIPE, lock="d" * 64)}),
        ("n1", {"recipe": replace(RECIPE, builds=True)}),
        ("n1", {"recipe": replace(RECIPE, target="other")}),
        ("n1", {"size_bytes": -1}),
        ("n1", {"took_ms": 2**63}),
        ("n1", {"packages": 2**40}),
        ("n1", {"archive": FileRef("environment.tar.zst", "../x", 7)}),
        ("n1", {"archive": FileRef("x" * 256, "c" * 64, 7)}),
        ("n1", {"archive": FileRef("environment.tar.zst", "c" * 64, 2**60)}),
        ("n1", {"recipe": ODD, "id": environment_id(ODD)}),
    ],
)
async def test_what_is_not_the_nodes_to_say_changes_nothing(node: str, change: dict[str, Any]) -> None:
    bench = await needy()
    for event in ("built", "fetched"):
        await bench.reported(node, replace(BUILT, **{"event": event, **change}))
    assert await bench.events(ENV) == []
    assert await bench.log.last_position() == len(ASSIGNED)


async def test_a_job_without_packages_makes_none() -> None:
    bench = await needy(JOB)
    await bench.reported("n1", BUILT)
    assert await bench.events(ENV) == []


async def test_a_node_says_for_itself_what_it_is_without() -> None:
    bench = Bench(SERVICE)
    await bench.given(ENV, HAS_IT)
    gone = replace(BUILT, execution="environment", attempt=0, event="dropped", reason="budget" * 99)
    await bench.reported("n2", gone)
    assert await bench.events(ENV) == [HAS_IT]
    await bench.reported("n1", gone)
    (dropped,) = (await bench.events(ENV))[1:]
    assert (dropped.node_id, dropped.reason[:12], len(dropped.reason)) == ("n1", "budgetbudget", 64)


@pytest.mark.parametrize(("pruned", "reason"), [(False, "invalidated"), (True, "pruned")])
async def test_every_node_that_has_it_is_told_to_forget_it(pruned: bool, reason: str) -> None:
    bench = Bench(SERVICE)
    gone = env.EnvironmentInvalidated("key:1", pruned)
    await bench.happened(await bench.given(ENV, HAS_IT, env.EnvironmentFetched("n2", 1, 1), gone))
    assert bench.work == [(node, ForgetWork("a", (ENV.id,), reason)) for node in ("n1", "n2")]


async def test_who_made_it_anew_meanwhile_keeps_it() -> None:
    bench = Bench(SERVICE)
    gone = await bench.given(ENV, HAS_IT, env.EnvironmentFetched("n2", 1, 1), env.EnvironmentInvalidated())
    await bench.given(ENV, HAS_IT)
    await bench.happened(gone)
    assert bench.work == [("n2", ForgetWork("a", (ENV.id,)))]
