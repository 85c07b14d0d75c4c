"""The meter: one estimate and one bill, for every attempt that held a node."""

from __future__ import annotations

from typing import Any

import pytest

from domain.cost import events as cost
from domain.execution import events as e
from domain.execution.job import Job
from domain.files import FileRef
from domain.pricing import run_micros
from services.meter import SERVICE
from services.runtime.log import Ref
from tests.services.shell import NOW, Bench

RUN, BILL = Ref("a", "execution", "exec_x"), Ref("a", "cost", "exec_x")
HIT = e.Lookup("hit", "known")
LOST, OK = (e.AttemptResult(status, e.Reason("WHY", "why")) for status in ("lost", "succeeded"))


class History:
    """How long the script ran before."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds

    async def history_seconds(self, account: str, script_sha256: str) -> float | None:
        return self.seconds


def submitted(sha256: str) -> e.ExecutionSubmitted:
    return e.ExecutionSubmitted(Job("python", FileRef("a.py", sha256, 1)), "f")


@pytest.mark.parametrize(("history", "seconds"), [(90.0, 90.0), (None, 60.0)])
async def test_a_run_is_estimated_once(history: float | None, seconds: float) -> None:
    bench = Bench(SERVICE, History(history))
    await bench.happened(await bench.given(RUN, submitted(f"{seconds}")))
    (estimated,) = await bench.events(BILL)
    assert isinstance(estimated, cost.CostEstimated) and estimated.seconds == seconds


async def test_every_attempt_that_held_a_node_is_billed_once() -> None:
    bench = Bench(SERVICE, History(None))
    last = await bench.given(
        RUN,
        submitted("0" * 64),
        e.ExecutionCached(HIT, HIT, HIT),
        e.ExecutionAssigned(1, "n1", "i1", "cx23", NOW),
        e.ExecutionAttemptFailed(1, LOST, True, NOW, 1800 * 10**6),
        e.ExecutionAssigned(2, "n2", "i1", "cx23", NOW),
        e.ExecutionFinished(2, OK, 3600 * 10**6),
    )
    await bench.happened(last)
    (bill,) = await bench.events(BILL)
    assert isinstance(bill, cost.CostFinalized)
    whole = run_micros("cx23", 3600 * 10**6, 1000, 2 * 1024**3)
    assert [(each.attempt, each.node_id, each.charged_micros) for each in bill.charges] == [
        (1, "n1", whole // 2),
        (2, "n2", whole),
    ]
    assert bill.total_micros == whole + whole // 2


async def test_a_run_for_which_an_earlier_one_serves_costs_nothing() -> None:
    bench = Bench(SERVICE, History(None))
    last = await bench.given(
        RUN,
        submitted("0" * 64),
        e.ExecutionCached(HIT, HIT, HIT, HIT),
        e.ExecutionFinished(0, OK, reused_from="exec_y"),
    )
    await bench.happened(last)
    (bill,) = await bench.events(BILL)
    assert isinstance(bill, cost.CostFinalized) and (bill.total_micros, bill.charges) == (0, ())


async def test_what_is_billed_already_is_not_looked_up_again(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(SERVICE, History(None))
    last = await bench.given(RUN, submitted("0" * 64), e.ExecutionCached(HIT, HIT, HIT), e.ExecutionFinished(0, OK))
    await bench.happened(last)
    loaded: list[Ref] = []
    load = bench.log.load

    async def counted(ref: Ref) -> Any:
        loaded.append(ref)
        return await load(ref)

    monkeypatch.setattr(bench.log, "load", counted)
    await bench.happened(last)
    assert loaded == []
