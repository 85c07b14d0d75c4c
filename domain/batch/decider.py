"""The life of a batch.

submitted ─► open (all members are there) ─► finished
    ▲         │ stopped, cancelling            │
    └───── retried ◄───────────────────────────┘   a new round: neither stopped nor cancelled any more

A retry makes it `submitted` again until those that go again do (`ExpandBatch`): before that nobody can tell whether all
members have ended in this round.

The order of the log is the rule when a cancel and a retry meet: each reaches the members as they are when it was decided,
and the later one has the last word.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from domain.batch import commands as c
from domain.batch import events as e
from domain.errors import IdempotencyMismatch, Invalid, NotFound, WrongState
from domain.execution.events import Reason
from domain.execution.job import Job

AGGREGATE = "batch"
RETRIABLE = ("failed", "timed_out", "lost", "cancelled", "succeeded")
"""How a member can have ended."""
FAILURES = ("failed", "timed_out", "lost")
"""What counts against `failures_max`, and what `retry --failed` means."""


@dataclass(frozen=True, slots=True)
class Batch:
    """State of the decider. `phase`: new, submitted, open, finished. `round` counts the retries; `count`: so many members
    stand in the log, once it was open."""

    phase: str = "new"
    members: e.MemberList | None = None
    job: Job | None = None
    fingerprint: str = ""
    project: str = "default"
    tags: dict[str, str] | None = None
    priority: int = 0
    parallel: int = 0
    failures_max: int = 0
    memoize: bool = False
    delay: Reason | None = None
    stopped: Reason | None = None
    cancelling: bool = False
    round: int = 0
    count: int = 0

    @property
    def halted(self) -> bool:
        """No further member of it may start."""
        return self.cancelling or self.stopped is not None


INITIAL = Batch()


def evolve(state: Batch, event: e.BatchEvent) -> Batch:
    """What the batch is after `event`. Never raises."""
    match event:
        case e.BatchSubmitted():
            return Batch(
                "submitted",
                event.members,
                event.job,
                event.fingerprint,
                event.project,
                event.tags,
                event.priority,
                event.parallel,
                event.failures_max,
                event.memoize,
            )
        case e.BatchExpanded():
            return replace(state, phase="open", count=state.count if state.round else event.count)
        case e.BatchDelayed():
            return replace(state, delay=event.reason)
        case e.BatchStopped():
            return replace(state, stopped=event.reason)
        case e.BatchCancelRequested():
            return replace(state, cancelling=True)
        case e.BatchRetried():
            job = replace(state.job, script=event.script) if state.job and event.script else state.job
            return replace(state, phase="submitted", job=job, stopped=None, cancelling=False, round=state.round + 1)
        case e.BatchFinished():
            return replace(state, phase="finished")


def decide(state: Batch, command: c.BatchCommand) -> list[e.BatchEvent]:
    """The events that `command` yields; none when it was already done. Raises Refused when it is not allowed."""
    if isinstance(command, c.SubmitBatch):
        return _submit(state, command)
    if state.phase == "new":
        raise NotFound("There is no such batch.")
    match command:
        case c.ExpandBatch():
            return [e.BatchExpanded(command.count)] if state.phase == "submitted" else []
        case c.DelayBatch():
            if state.phase == "finished" or state.halted or state.delay == command.reason:
                return []
            return [e.BatchDelayed(command.reason)]
        case c.StopBatch():
            if state.phase == "finished" or state.halted or command.round != state.round:
                return []
            return [e.BatchStopped(command.reason, command.failures)]
        case c.CancelBatch():
            if state.phase == "finished" or state.cancelling:
                return []
            return [e.BatchCancelRequested(command.requested_by)]
        case c.RetryBatch():
            return _retry(state, command)
        case c.FinishBatch():
            if state.phase != "open" or command.round != state.round:
                return []
            return [e.BatchFinished(command.counts)]


def _submit(state: Batch, command: c.SubmitBatch) -> list[e.BatchEvent]:
    if state.phase != "new":
        if state.fingerprint != command.fingerprint:
            raise IdempotencyMismatch("This idempotency key was used before, for another request.")
        return []
    if command.members.count < 1:
        raise Invalid("A batch has at least one member.")
    if command.parallel < 0 or command.failures_max < 0:
        raise Invalid("parallel and failures_max count from 1; leave them out for no limit.")
    return [
        e.BatchSubmitted(
            command.members,
            command.job,
            command.fingerprint,
            command.name,
            command.project,
            command.tags,
            command.priority,
            command.parallel,
            command.failures_max,
            command.memoize,
        )
    ]


def _retry(state: Batch, command: c.RetryBatch) -> list[e.BatchEvent]:
    if command.round != state.round:
        return []
    if state.phase == "submitted":
        raise WrongState("Its members are still being written or retried. Try again in a moment.")
    strange = sorted(set(command.statuses) - set(RETRIABLE))
    if strange or not command.statuses:
        message = f"Members can be retried by how they ended: {', '.join(RETRIABLE)}."
        raise Invalid(message, details={"statuses": strange})
    return [e.BatchRetried(command.statuses, command.requested_by, command.script)]
