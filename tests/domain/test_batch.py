"""The life of a batch, transition by transition, and its members as they are listed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.batch import commands as c
from domain.batch import events as e
from domain.batch.members import MEMBERS_MAX, Member, decode, encode, member_id, member_job
from domain.errors import IdempotencyMismatch, Invalid, NotFound, WrongState
from domain.execution.events import Reason
from domain.files import FileRef
from tests.domain.sample import JOB
from tests.domain.story import batch

LIST = e.MemberList("b" * 64, 100, 3)
SUBMIT = c.SubmitBatch(LIST, JOB, "fingerprint", "name", "project", {"k": "v"}, 1, 2, 5, True)
SUBMITTED = e.BatchSubmitted(LIST, JOB, "fingerprint", "name", "project", {"k": "v"}, 1, 2, 5, True)
EXPAND, EXPANDED = c.ExpandBatch(3), e.BatchExpanded(3)
CANCEL, CANCELLED = c.CancelBatch("me"), e.BatchCancelRequested("me")
ENOUGH = Reason("FAILURES_MAX", "5 members failed.")
FAILED = ("failed", "timed_out", "lost")
OPEN = (SUBMITTED, EXPANDED)
FINISHED = e.BatchFinished({"succeeded": 2, "failed": 1})
MENDED = FileRef("s.py", "c" * 64, 11)


def stop(round: int = 0) -> c.StopBatch:
    return c.StopBatch(ENOUGH, 5, round)


def retry(round: int = 0, script: FileRef | None = None) -> c.RetryBatch:
    return c.RetryBatch(FAILED, "me", round, script)


def finish(round: int = 0) -> c.FinishBatch:
    return c.FinishBatch({"succeeded": 2, "failed": 1}, round)


def of_round(round: int) -> list[Any]:
    """The commands that name a round."""
    return [stop(round), retry(round), finish(round)]


STOPPED, RETRIED = e.BatchStopped(ENOUGH, 5), e.BatchRetried(FAILED, "me")


def test_a_submit_begins_it_once() -> None:
    batch.when(SUBMIT).then(SUBMITTED)
    batch.given(SUBMITTED).when(SUBMIT).then()


def test_the_same_key_for_another_request_is_refused() -> None:
    batch.given(SUBMITTED).when(replace(SUBMIT, fingerprint="other")).then_refused(IdempotencyMismatch)


@pytest.mark.parametrize("wrong", [{"parallel": -1}, {"failures_max": -1}, {"members": replace(LIST, count=0)}])
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    batch.when(replace(SUBMIT, **wrong)).then_refused(Invalid)


@pytest.mark.parametrize("command", [EXPAND, CANCEL, *of_round(0)])
def test_nothing_happens_to_a_batch_that_was_never_submitted(command: Any) -> None:
    batch.when(command).then_refused(NotFound)


def test_it_is_open_once_all_members_stand_in_the_log() -> None:
    batch.given(SUBMITTED).when(EXPAND).then(EXPANDED)
    batch.given(*OPEN).when(EXPAND).then()


def test_it_does_not_finish_before_its_members_are_there() -> None:
    batch.given(SUBMITTED).when(finish()).then()
    batch.given(*OPEN).when(finish()).then(FINISHED)


def test_why_its_members_wait_is_said_once_per_change_of_reason() -> None:
    full, wide = Reason("WAITING_FOR_CPU", "full"), Reason("BATCH_PARALLEL", "3 run")
    told = e.BatchDelayed(full)
    batch.given(SUBMITTED).when(c.DelayBatch(full)).then(told)
    batch.given(*OPEN, told).when(c.DelayBatch(full)).then()
    batch.given(*OPEN, told).when(c.DelayBatch(wide)).then(e.BatchDelayed(wide))
    for end in (STOPPED, CANCELLED, FINISHED):
        batch.given(*OPEN, end).when(c.DelayBatch(full)).then()


def test_failures_stop_it_once() -> None:
    batch.given(*OPEN).when(stop()).then(STOPPED)
    batch.given(*OPEN, STOPPED).when(stop()).then()
    batch.given(*OPEN, CANCELLED).when(stop()).then()


def test_a_cancel_before_all_members_are_there_holds() -> None:
    assert batch.given(SUBMITTED).when(CANCEL, EXPAND).state.halted


def test_a_stopped_batch_can_still_be_cancelled() -> None:
    batch.given(*OPEN, STOPPED).when(CANCEL).then(CANCELLED)


def test_what_has_ended_is_not_cancelled() -> None:
    batch.given(*OPEN, FINISHED).when(CANCEL).then()


def test_a_retry_begins_a_round_that_is_neither_stopped_nor_cancelled() -> None:
    story = batch.given(*OPEN, STOPPED, CANCELLED, FINISHED).when(retry())
    story.then(RETRIED)
    assert (story.state.phase, story.state.halted, story.state.round) == ("submitted", False, 1)


def test_two_people_who_retry_the_same_round_begin_one() -> None:
    batch.given(*OPEN, FINISHED).when(retry(), retry()).then()


def test_news_of_an_earlier_round_is_no_news() -> None:
    again = (*OPEN, FINISHED, RETRIED, EXPANDED)
    batch.given(*again).when(finish(0)).then()
    batch.given(*again).when(stop(0)).then()
    batch.given(*again).when(finish(1)).then(FINISHED)


def test_a_round_does_not_finish_before_those_that_go_again_do() -> None:
    retried = (*OPEN, FINISHED, RETRIED)
    batch.given(*retried).when(finish(1)).then()
    batch.given(*retried).when(retry(1)).then_refused(WrongState)
    batch.given(*retried).when(EXPAND, finish(1)).then(FINISHED)


def test_a_retry_with_a_mended_script_changes_what_is_run() -> None:
    story = batch.given(*OPEN, FINISHED).when(retry(script=MENDED))
    story.then(e.BatchRetried(FAILED, "me", MENDED))
    assert story.state.job.script == MENDED


def test_a_retry_waits_until_the_members_are_there() -> None:
    batch.given(SUBMITTED).when(retry()).then_refused(WrongState)


@pytest.mark.parametrize("statuses", [(), ("running",)])
def test_a_retry_names_how_members_can_have_ended(statuses: tuple[str, ...]) -> None:
    batch.given(*OPEN).when(c.RetryBatch(statuses, "me", 0)).then_refused(Invalid)


MEMBERS = [
    Member("a.csv", ("in/a.csv",), (FileRef("in/a.csv", "a" * 64, 3),)),
    Member("\N{SNOWMAN} \n/b", ("--x", "1 2")),
]


def test_members_read_as_they_were_written() -> None:
    assert decode(encode(MEMBERS)) == MEMBERS


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"[]", "Line 1 of the members: it is a list, not an object"),
        (b'{"name": "../a"}', "Line 1"),
        (b'{"name": "a", "args": [1]}', "Line 1 .*one of them is the number 1"),
        (b'{"name": "a", "args": "abc"}', "args is a text, not a list"),
        (b'{"name": "a", "args": null}', "args is null, not a list"),
        (b'{"args": []}', "name is missing, not a text"),
        (b'{"name": 7}', "name is the number 7, not a text"),
        (b'{"name": "a", "inputs": {}}', "inputs is an object, not a list"),
        (b'{"name": "a", "inputs": ["b"]}', "one of them is a text"),
        (b'{"name": "a", "inputs": [{"path": "/etc", "sha256": "x", "size_bytes": 1}]}', "Line 1"),
        (b'{"name": "a", "inputs": [{"path": "b", "size_bytes": 1}]}', "sha256 is missing"),
        (b'{"name": "a", "inputs": [{"path": "b", "sha256": "x", "size_bytes": 1}]}', "64 characters"),
        (b'{"name": "a", "inputs": [{"path": "b", "sha256": "x"}]}', "size_bytes of 'b' is missing"),
        (b'{"name": "a", "inputs": [{"path": "b", "size_bytes": 1, "mode": true}]}', "mode of 'b' is true or false"),
        (b'{"name": "a"}\n\n', "Line 2 .*not JSON, from its character 1"),
        (b"\xff", "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"name": "b"}\n{"name": "a"}\n{"name": "a"}', "Line 3 .*the name 'a' is that of line 2"),
        (b'{"name": "a/b"}\n{"name": "a"}', "Line 2 .*both a file and a folder"),
        (b"", "at least one"),
        (b'{"name": "a"}\n' * (MEMBERS_MAX + 1), "at most 100,000"),
    ],
)
def test_a_list_that_is_none_says_where(line: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        decode(line)


def test_a_member_is_the_job_of_its_batch_with_its_own_arguments_and_inputs() -> None:
    job = member_job(replace(JOB, args=("--fast",)), MEMBERS[0])
    assert job.args == ("--fast", "in/a.csv")
    assert job.inputs.entries == MEMBERS[0].inputs
    assert member_id("a", "batch_1", 0) != member_id("a", "batch_1", 1) == member_id("a", "batch_1", 1)
