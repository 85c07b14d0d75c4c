"""The life of an execution, transition by transition."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.errors import IdempotencyMismatch, NotFound, StaleLease, WrongState
from domain.execution import commands as c
from domain.execution import events as e
from domain.execution.state import Span
from domain.retry import PLATFORM_FAULTS_MAX
from tests.domain.sample import (
    ASSIGNED,
    CACHED,
    CANCEL,
    FULL,
    HIT,
    JOB,
    NOW,
    QUEUED,
    RESOLVE,
    RETRIED,
    RETRY,
    RUNNING,
    SECOND,
    SUBMIT,
    SUBMITTED,
    assign,
    assigned,
    failed,
    finish,
    finished,
    lose,
    result,
    start,
    started,
    stopped,
    submitted,
)
from tests.domain.story import Story, execution


def test_a_submit_begins_it() -> None:
    execution.when(SUBMIT).then(SUBMITTED)


def test_a_memoized_run_ends_with_the_result_of_the_earlier_one() -> None:
    memo = c.ResolveExecution(HIT, HIT, HIT, HIT, c.Reuse("exec_before", result()), NOW)
    cached = e.ExecutionCached(HIT, HIT, HIT, HIT)
    reused = replace(result(), started_at_us=None, ended_at_us=NOW)
    wanted = replace(SUBMITTED, memoize=True)
    execution.given(wanted).when(memo).then(cached, e.ExecutionFinished(0, reused, reused_from="exec_before"))
    execution.given(wanted).when(memo, memo).then()
    execution.given(SUBMITTED).when(memo).then(cached)


def test_a_retry_may_bring_a_mended_script() -> None:
    mended = replace(JOB.script, sha256="c" * 64)
    story = execution.given(*RUNNING, finished("failed")).when(c.RetryExecution("me", mended))
    story.then(e.ExecutionRetried("me", mended))
    assert story.state.job.script == mended


def test_files_expire_once_and_only_of_what_has_ended() -> None:
    expire = c.ExpireArtifacts(NOW)
    execution.given(*RUNNING).when(expire).then_refused(WrongState)
    execution.given(*RUNNING, finished()).when(expire).then(e.ExecutionArtifactsExpired(NOW))
    execution.given(*RUNNING, finished()).when(expire, expire).then()
    refusal = (
        execution.given(*RUNNING, finished(), e.ExecutionArtifactsExpired(NOW)).when(RETRY).then_refused(WrongState)
    )
    assert refusal.code == "ARTIFACTS_EXPIRED"


def test_the_same_submit_again_adds_nothing() -> None:
    execution.given(SUBMITTED).when(SUBMIT).then()
    execution.given(*RUNNING, finished()).when(SUBMIT).then()


def test_the_same_key_for_another_request_is_refused() -> None:
    execution.given(SUBMITTED).when(replace(SUBMIT, fingerprint="other")).then_refused(IdempotencyMismatch)


@pytest.mark.parametrize(
    "command", [RESOLVE, assign(), start(), finish(), lose(), CANCEL, RETRY, c.DelayExecution(FULL)]
)
def test_nothing_can_be_asked_of_what_was_never_submitted(command: Any) -> None:
    execution.when(command).then_refused(NotFound)


def test_it_is_resolved_once() -> None:
    execution.given(SUBMITTED).when(RESOLVE).then(CACHED)
    execution.given(SUBMITTED).when(RESOLVE, c.ResolveExecution(HIT, HIT, HIT)).then()


def test_it_says_why_it_waits_once_per_reason() -> None:
    waiting = execution.given(*QUEUED).when(c.DelayExecution(FULL)).then(e.ExecutionDelayed(FULL))
    waiting.when(c.DelayExecution(FULL)).then()
    other = e.Reason("NO_NODES", "none")
    waiting.when(c.DelayExecution(other)).then(e.ExecutionDelayed(other))
    execution.given(*ASSIGNED).when(c.DelayExecution(FULL)).then()
    assert waiting.given(assigned(), failed()).state.delay is None


def test_a_node_is_given_the_lease() -> None:
    story = execution.given(*QUEUED).when(assign()).then(assigned())
    assert (story.state.leased, story.state.node_id, story.state.attempt) == (True, "n1", 1)


def test_it_is_not_assigned_before_it_is_resolved() -> None:
    execution.given(SUBMITTED).when(assign()).then()


def test_a_second_scheduler_with_old_news_assigns_nothing() -> None:
    execution.given(*ASSIGNED).when(assign(node="n2")).then()
    execution.given(*RUNNING, failed()).when(assign(attempt=1, node="n2", now_us=NOW + SECOND)).then()
    execution.given(*QUEUED).when(assign(attempt=2)).then()


def test_a_decision_from_before_a_retry_by_a_person_is_void_after_it() -> None:
    again = execution.given(*QUEUED).when(CANCEL, RETRY).given()
    again.when(replace(assign(), round=0)).then()
    again.when(replace(assign(), round=1)).then(assigned())


def test_the_next_attempt_waits_until_it_is_due() -> None:
    waiting = execution.given(*RUNNING, failed(wait=1))
    waiting.when(assign(attempt=2, now_us=NOW + SECOND - 1)).then_refused(WrongState)
    waiting.when(assign(attempt=2, now_us=NOW + SECOND)).then(assigned(attempt=2, now_us=NOW + SECOND))


def test_it_starts_once() -> None:
    execution.given(*ASSIGNED).when(start()).then(started())
    execution.given(*RUNNING).when(start()).then()


@pytest.mark.parametrize("status", ["succeeded", "failed", "lost"])
def test_a_start_that_was_not_reported_by_itself_is_learned_of_at_the_end(status: str) -> None:
    how = replace(result(status), started_at_us=NOW)
    command = c.FinishExecution(1, "n1", how, NOW, "bubblewrap")
    late = execution.given(*ASSIGNED).when(command)
    assert late.outcome[0] == started()
    assert late.outcome[1:] == execution.given(*RUNNING).when(command).outcome


@pytest.mark.parametrize("status", ["succeeded", "cancelled"])
@pytest.mark.parametrize("past", [ASSIGNED, RUNNING])
def test_it_ends_as_the_runner_says(past: tuple[Any, ...], status: str) -> None:
    story = execution.given(*past).when(finish(status)).then(finished(status))
    assert (story.state.open, story.state.status) == (False, status)
    story.when(finish(status)).then()


@pytest.mark.parametrize("status", ["failed", "timed_out"])
def test_a_failed_script_is_tried_again_as_often_as_it_may(status: str) -> None:
    again = execution.given(*RUNNING).when(finish(status)).then(failed(status=status, wait=1))
    last = again.given(assigned(2), started(2)).when(finish(status, attempt=2)).then(finished(status, attempt=2))
    assert last.state.script_failures == 1
    execution.given(submitted(retries=0), *RUNNING[1:]).when(finish(status)).then(finished(status))


def test_the_waits_double() -> None:
    story = execution.given(submitted(retries=4), CACHED)
    for attempt, seconds in ((1, 1), (2, 2), (3, 4), (4, 8)):
        story = story.given(assigned(attempt)).when(finish("failed", attempt)).then(failed(attempt, seconds))


@pytest.mark.parametrize("code", ["ENVIRONMENT_FAILED", "SECRET_UNAVAILABLE"])
def test_packages_and_secrets_that_cannot_be_had_are_not_tried_again(code: str) -> None:
    reason = e.Reason(code, "There is no such thing.")
    end = replace(result("failed"), reason=reason)
    story = execution.given(submitted(retries=4), CACHED, assigned())
    story.when(replace(finish(), result=end)).then(e.ExecutionFinished(1, end))


def test_a_lost_attempt_is_followed_by_another() -> None:
    lost = e.AttemptResult("lost", lose().reason, started_at_us=NOW, ended_at_us=NOW)
    story = execution.given(*RUNNING).when(lose()).then(e.ExecutionAttemptFailed(1, lost, True, NOW))
    assert (story.state.leased, story.state.node_id) == (False, "")
    story.when(lose()).then()
    execution.given(*QUEUED).when(lose(0)).then()


def test_a_runner_may_say_itself_that_an_attempt_is_lost() -> None:
    execution.given(*RUNNING).when(finish("lost")).then(failed(status="lost", platform=True, wait=0))


def test_faults_of_the_platform_never_use_up_retries() -> None:
    story = execution.given(*QUEUED)
    for attempt in range(1, PLATFORM_FAULTS_MAX + 1):
        story = story.given(assigned(attempt)).when(lose(attempt))
        assert story.state.open
    assert (story.state.script_failures, story.state.platform_faults) == (0, PLATFORM_FAULTS_MAX)
    attempt = PLATFORM_FAULTS_MAX + 1
    story.given(assigned(attempt)).when(finish("failed", attempt)).then(failed(attempt, wait=1))


def test_too_many_faults_of_the_platform_end_it_as_lost() -> None:
    story = execution.given(*QUEUED)
    for attempt in range(1, PLATFORM_FAULTS_MAX + 2):
        story = story.given(assigned(attempt)).when(lose(attempt))
    [end] = story.outcome
    assert (end.result.status, end.result.reason.code) == ("lost", "PLATFORM_FAULTS")
    assert story.state.phase == "finished"


def test_a_runner_that_a_person_stops_is_no_fault_of_the_platform_however_often() -> None:
    story = execution.given(*QUEUED, assigned()).when(lose())
    for attempt in range(2, 3 * PLATFORM_FAULTS_MAX):
        story = story.given(assigned(attempt), started(attempt)).when(stopped(attempt))
        [again] = story.outcome
        assert (again.platform, again.retry_at_us) == (True, NOW)
    assert (story.state.script_failures, story.state.platform_faults) == (0, 1)
    assert story.state.ended.code == "RUNNER_STOPPED"


@pytest.mark.parametrize(("attempt", "node"), [(1, "n2"), (2, "n1"), (0, "n1")])
def test_only_who_holds_the_lease_is_heard(attempt: int, node: str) -> None:
    execution.given(*RUNNING).when(start(attempt, node)).then_refused(StaleLease)
    execution.given(*RUNNING).when(finish("failed", attempt, node)).then_refused(StaleLease)


def zombies() -> list[Story]:
    """Attempt 1 on n1 was lost, and went on running: as its lease is free, taken by n2, and after the end there."""
    free = execution.given(*RUNNING).when(lose())
    return [free, free.given(assigned(2, "n2")), free.given(assigned(2, "n2"), finished(attempt=2))]


@pytest.mark.parametrize("story", zombies(), ids=["free", "taken", "ended"])
def test_a_zombie_changes_nothing(story: Story) -> None:
    story.when(start()).then_refused(StaleLease)
    story.when(finish()).then_refused(StaleLease)
    story.when(finish("lost")).then_refused(StaleLease)
    story.when(lose()).then()


def test_the_same_node_with_a_new_attempt_is_not_the_old_one() -> None:
    story = execution.given(*RUNNING).when(lose()).given(assigned(2, "n1"))
    story.when(finish(attempt=1)).then_refused(StaleLease)
    story.when(finish(attempt=2)).then(finished(attempt=2))


def test_a_retry_begins_anew_but_counts_attempts_on() -> None:
    story = execution.given(*RUNNING, failed(), assigned(2), finished("failed", 2)).when(RETRY).then(RETRIED)
    state = story.state
    assert (state.phase, state.attempt, state.script_failures, state.platform_faults) == ("queued", 2, 0, 0)
    story.when(assign(attempt=3)).then(assigned(attempt=3))


@pytest.mark.parametrize("past", [(SUBMITTED,), QUEUED, ASSIGNED, RUNNING])
def test_what_has_not_ended_cannot_be_retried(past: tuple[Any, ...]) -> None:
    execution.given(*past).when(RETRY).then_refused(WrongState)


def test_every_attempt_that_ended_leaves_its_span() -> None:
    story = execution.given(*RUNNING, failed(held_us=2 * SECOND), assigned(2, "n2")).when(lose(2)).when(CANCEL)
    assert story.state.spans == (Span(1, "n1", "local", 2 * SECOND), Span(2, "n2", "local", 0))


def test_an_attempt_is_billed_alike_however_it_was_lost() -> None:
    hour = 3600 * SECOND
    restarted = e.AttemptResult("lost", e.Reason("RUNNER_RESTARTED", "It was restarted."), ended_at_us=7)
    told = c.FinishExecution(1, "n1", restarted, NOW + hour)
    silent = c.LoseExecution(1, e.Reason("NODE_LOST", "The node is gone."), NOW + hour)
    spans = [execution.given(*RUNNING).when(command).state.spans for command in (told, silent)]
    assert spans[0] == spans[1] == (Span(1, "n1", "local", hour),)


def test_a_nodes_own_clock_does_not_change_its_bill() -> None:
    odd = e.AttemptResult("succeeded", e.Reason("OK", "ok"), started_at_us=NOW - 10**15, ended_at_us=NOW + 10**15)
    story = execution.given(*RUNNING).when(c.FinishExecution(1, "n1", odd, NOW + SECOND))
    assert story.state.spans == (Span(1, "n1", "local", SECOND),)


def test_the_result_keeps_what_the_runner_measured() -> None:
    measured = replace(result(), exit_code=0, usage=e.Usage(1, 2, 3), log=e.LogSummary(1, 2))
    story = execution.given(*RUNNING).when(replace(finish(), result=measured))
    assert story.outcome[0].result == measured
