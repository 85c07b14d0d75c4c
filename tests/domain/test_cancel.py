"""Cancelling, and all it can race with: one end, by a rule."""

from __future__ import annotations

from typing import Any

import pytest

from domain.errors import StaleLease, WrongState
from domain.execution import events as e
from tests.domain.sample import (
    ASSIGNED,
    CANCEL,
    CANCELLED_IN_QUEUE,
    CANCELLING,
    NOW,
    QUEUED,
    RETRIED,
    RETRY,
    RUNNING,
    SECOND,
    SUBMITTED,
    assign,
    assigned,
    failed,
    finish,
    finished,
    lose,
    start,
    submitted,
)
from tests.domain.story import execution


@pytest.mark.parametrize(("past", "attempt"), [((SUBMITTED,), 0), (QUEUED, 0), ((*RUNNING, failed()), 1)])
def test_what_does_not_run_ends_at_once(past: tuple[Any, ...], attempt: int) -> None:
    story = execution.given(*past).when(CANCEL).then(e.ExecutionFinished(attempt, CANCELLED_IN_QUEUE))
    assert story.state.status == "cancelled"
    story.when(CANCEL).then()


@pytest.mark.parametrize("past", [ASSIGNED, RUNNING])
def test_what_runs_ends_when_it_was_seen_dead(past: tuple[Any, ...]) -> None:
    story = execution.given(*past).when(CANCEL).then(e.ExecutionCancelRequested(1, "me"))
    assert (story.state.cancelling, story.state.leased) == (True, True)
    story.when(CANCEL).then()
    story.when(finish("cancelled")).then(finished("cancelled"))


def test_a_cancelled_attempt_may_still_say_that_it_started() -> None:
    execution.given(*ASSIGNED).when(CANCEL, start(), finish("cancelled")).then(finished("cancelled"))


@pytest.mark.parametrize("status", ["succeeded", "failed", "timed_out"])
def test_a_finish_that_was_faster_than_the_kill_stands(status: str) -> None:
    story = execution.given(submitted(retries=5), *CANCELLING[1:]).when(finish(status)).then(finished(status))
    assert not story.state.cancelling


def test_a_cancel_after_the_end_changes_nothing() -> None:
    execution.given(*RUNNING, finished()).when(CANCEL).then()


def test_a_node_lost_while_cancelling_ends_it() -> None:
    for command in (lose(), finish("lost")):
        story = execution.given(*CANCELLING).when(command)
        [end] = story.outcome
        assert (end.result.status, end.result.reason.code) == ("lost", "LOST_WHILE_CANCELLING")
        story.when(command).then()


def test_a_retry_is_refused_while_it_is_being_cancelled() -> None:
    execution.given(*CANCELLING).when(RETRY).then_refused(WrongState)


def test_of_cancel_and_retry_the_later_one_counts() -> None:
    ended = execution.given(*RUNNING, finished("failed"))
    ended.when(CANCEL).then()
    cancelled = ended.when(RETRY, CANCEL).then(e.ExecutionFinished(1, CANCELLED_IN_QUEUE))
    again = cancelled.when(RETRY).then(RETRIED)
    assert not again.state.cancelling
    again.when(assign(2)).then(assigned(2))


def test_a_retry_after_a_cancel_runs_to_its_own_end() -> None:
    again = execution.given(*CANCELLING, finished("cancelled"), RETRIED)
    again.when(finish("cancelled")).then_refused(StaleLease)
    again.given(assigned(2, "n2")).when(finish("succeeded", 2, "n2")).then(finished("succeeded", 2))


def test_a_cancel_in_the_wait_for_a_retry_leaves_one_end() -> None:
    story = execution.given(*RUNNING, failed()).when(CANCEL)
    story.when(assign(2, now_us=NOW + SECOND)).then()
    story.when(finish()).then_refused(StaleLease)
