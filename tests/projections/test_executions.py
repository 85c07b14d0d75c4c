"""given events, when one more, then this is what people are told."""

from __future__ import annotations

from typing import Any

import pytest

from domain.cost.events import AttemptCharge, CostEstimated, CostFinalized
from domain.errors import DamagedHistory
from domain.execution import events as e
from domain.execution.job import Job
from domain.files import FileRef
from projections.executions import EXECUTIONS
from projections.projection import Meta
from projections.table import Row

T0 = 1_760_000_000_123_456
JOB = Job("python", FileRef("src/a.py", "ab" * 32, 10), retries=1)
SUBMITTED = e.ExecutionSubmitted(JOB, "f", name="first", tags={"z": "1", "a": "2"})
ASSIGNED = e.ExecutionAssigned(1, "local-1", "i1")
STARTED = e.ExecutionStarted(1, "local-1", T0 + 2_000_000, "bubblewrap")
FAILED = e.AttemptResult("failed", e.Reason("EXIT_CODE", "It ended with 7."), 7, None, T0 + 2_000_000, T0 + 3_500_000)
DONE = e.AttemptResult("succeeded", e.Reason("OK", "Done."), 0, None, T0 + 2_000_000, T0 + 3_500_000)
RETRY = e.ExecutionAttemptFailed(1, FAILED, False, T0 + 9_000_000)


def after(*events: Any) -> Row:
    row: Row | None = None
    for number, event in enumerate(events):
        meta = Meta(number + 1, "local", "exec_1", T0 + number * 1_000_000, "key:k1")
        row = EXECUTIONS.on[type(event)].fold(row, event, meta)
    assert row is not None
    EXECUTIONS.table.check(row)
    return row


def test_submitted() -> None:
    row = after(SUBMITTED)
    assert (row["phase"], row["status"], row["sequence"], row["tags"]) == ("submitted", "queued", 1, ["a=2", "z=1"])
    doc = row["doc"]
    assert (doc["id"], doc["name"], doc["attempts_max"], doc["attempt"]) == ("exec_1", "first", 2, 0)
    assert doc["submitted_at"] == "2025-10-09T08:53:20.123Z"
    assert doc["tags"] == {"z": "1", "a": "2"}


def test_a_delay_is_named_until_it_is_assigned() -> None:
    delayed = after(SUBMITTED, e.ExecutionDelayed(e.Reason("NO_NODES", "None.", "rgrid doctor")))
    assert delayed["doc"]["reason"] == {"code": "NO_NODES", "message": "None.", "hint": "rgrid doctor"}
    assigned = after(SUBMITTED, e.ExecutionDelayed(e.Reason("NO_NODES", "None.")), ASSIGNED)
    assert (assigned["doc"]["reason"], assigned["status"], assigned["node_id"]) == (None, "provisioning", "local-1")


def test_running_then_succeeded() -> None:
    doc = after(SUBMITTED, ASSIGNED, STARTED, e.ExecutionFinished(1, DONE))["doc"]
    assert (doc["status"], doc["exit_code"], doc["duration_ms"], doc["sequence"]) == ("succeeded", 0, 1500, 4)
    (attempt,) = doc["attempts"]
    assert (attempt["status"], attempt["sandbox"], attempt["finished_at"]) == (
        "succeeded",
        "bubblewrap",
        "2025-10-09T08:53:23.623Z",
    )


def test_a_failed_attempt_waits_for_the_next() -> None:
    doc = after(SUBMITTED, ASSIGNED, STARTED, RETRY)["doc"]
    assert (doc["status"], doc["reason"]["code"], doc["retry_at"]) == ("queued", "RETRYING", "2025-10-09T08:53:29.123Z")
    assert (doc["attempts"][0]["exit_code"], doc["attempts_max"], doc["node_id"]) == (7, 2, None)


def test_a_fault_of_the_platform_adds_an_attempt() -> None:
    lost = e.ExecutionAttemptFailed(1, e.AttemptResult("lost", e.Reason("NODE_LOST", "Gone.")), True, T0)
    assert after(SUBMITTED, ASSIGNED, lost)["doc"]["attempts_max"] == 3


def test_cancelling_between_two_attempts_leaves_the_ended_one_as_it_was() -> None:
    cancelled = e.ExecutionFinished(1, e.AttemptResult("cancelled", e.Reason("CANCELLED", "It was cancelled.")))
    doc = after(SUBMITTED, ASSIGNED, STARTED, RETRY, cancelled)["doc"]
    assert (doc["status"], doc["attempts"][0]["status"]) == ("cancelled", "failed")


def test_cancelling_is_said_while_it_runs() -> None:
    row = after(SUBMITTED, ASSIGNED, STARTED, e.ExecutionCancelRequested(1, "key:k1"))
    assert (row["status"], row["doc"]["cancelling"]) == ("running", True)


def test_a_person_s_retry_starts_anew_and_keeps_what_was_billed() -> None:
    bill = CostFinalized((AttemptCharge(1, "local-1", "local", 5, 40, 50),), 40, 40, 50, "p1")
    ended = after(SUBMITTED, ASSIGNED, STARTED, e.ExecutionFinished(1, FAILED), bill)
    assert (ended["final_micros"], ended["doc"]["attempts"][0]["charged_micros"]) == (40, 40)
    again = after(SUBMITTED, ASSIGNED, STARTED, e.ExecutionFinished(1, FAILED), bill, e.ExecutionRetried("key:k1"))
    assert (again["phase"], again["final_micros"], again["doc"]["attempts_max"]) == ("queued", None, 3)
    assert (again["doc"]["cost"]["charged_micros"], again["doc"]["cost"]["final_micros"]) == (40, None)


def test_a_bill_that_comes_after_the_retry_is_not_the_final_one_until_the_end() -> None:
    bill = CostFinalized((AttemptCharge(1, "local-1", "local", 5, 40, 50),), 40, 40, 50, "p1")
    history = (SUBMITTED, ASSIGNED, STARTED, e.ExecutionFinished(1, FAILED), e.ExecutionRetried(""), bill)
    assert after(*history)["final_micros"] is None
    cancelled = e.ExecutionFinished(1, e.AttemptResult("cancelled", e.Reason("CANCELLED", "It was cancelled.")))
    assert after(*history, cancelled)["final_micros"] == 40


def test_an_estimate_is_kept_beside_the_bill() -> None:
    cost = after(SUBMITTED, CostEstimated(10, 20, 1.5, "median", "p1"))["doc"]["cost"]
    assert (cost["estimated_micros"], cost["equivalent_micros"], cost["final_micros"]) == (10, 20, None)


def test_events_without_a_submission_are_refused() -> None:
    with pytest.raises(DamagedHistory):
        after(STARTED)


def test_folding_leaves_the_row_that_it_was_given() -> None:
    row = after(SUBMITTED, ASSIGNED)
    before = repr(row)
    EXECUTIONS.on[e.ExecutionStarted].fold(row, STARTED, Meta(9, "local", "exec_1", T0))
    assert repr(row) == before
