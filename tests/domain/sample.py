"""One execution's words, for the stories about it: commands, the events that answer them, and what varies in them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from domain.execution import commands as c
from domain.execution import events as e
from domain.execution.job import Job
from domain.files import FileRef

SECOND = 1_000_000
NOW = 1_790_000_000 * SECOND
JOB = Job("python", FileRef("s.py", "a" * 64, 10), retries=1)
HIT, MISS = e.Lookup("hit", "known"), e.Lookup("miss", "new")

SUBMIT = c.SubmitExecution(JOB, "fingerprint", "name", "project", {"k": "v"}, 3)
SUBMITTED = e.ExecutionSubmitted(JOB, "fingerprint", "name", "project", {"k": "v"}, 3)
RESOLVE = c.ResolveExecution(HIT, MISS, HIT)
CACHED = e.ExecutionCached(HIT, MISS, HIT)
FULL = e.Reason("WAITING_FOR_CPU", "full")
RETRY, RETRIED = c.RetryExecution("me"), e.ExecutionRetried("me")
CANCEL = c.CancelExecution("me", NOW)


def submitted(**job: Any) -> e.ExecutionSubmitted:
    return replace(SUBMITTED, job=replace(JOB, **job))


def assign(attempt: int = 1, node: str = "n1", now_us: int = NOW) -> c.AssignExecution:
    return c.AssignExecution(attempt, node, f"life of {node}", "local", now_us)


def assigned(attempt: int = 1, node: str = "n1", now_us: int = NOW) -> e.ExecutionAssigned:
    return e.ExecutionAssigned(attempt, node, f"life of {node}", "local", now_us)


def start(attempt: int = 1, node: str = "n1") -> c.StartExecution:
    return c.StartExecution(attempt, node, NOW, "bubblewrap")


def started(attempt: int = 1, node: str = "n1") -> e.ExecutionStarted:
    return e.ExecutionStarted(attempt, node, NOW, "bubblewrap")


def result(status: str = "succeeded", seconds: int = 2) -> e.AttemptResult:
    reason = e.Reason(status.upper(), f"It {status}.")
    return e.AttemptResult(status, reason, ended_at_us=NOW + seconds * SECOND)


def finish(status: str = "succeeded", attempt: int = 1, node: str = "n1") -> c.FinishExecution:
    return c.FinishExecution(attempt, node, result(status), NOW)


def finished(status: str = "succeeded", attempt: int = 1) -> e.ExecutionFinished:
    return e.ExecutionFinished(attempt, result(status))


def failed(
    attempt: int = 1, wait: float = 1, status: str = "failed", platform: bool = False, held_us: int = 0
) -> e.ExecutionAttemptFailed:
    return e.ExecutionAttemptFailed(attempt, result(status), platform, NOW + int(wait * SECOND), held_us)


def lose(attempt: int = 1) -> c.LoseExecution:
    return c.LoseExecution(attempt, e.Reason("NODE_LOST", "The node is gone."), NOW)


def stopped(attempt: int = 1) -> c.FinishExecution:
    reason = e.Reason("RUNNER_STOPPED", "Its runner was stopped.")
    return c.FinishExecution(attempt, "n1", e.AttemptResult("lost", reason, started_at_us=NOW, ended_at_us=NOW), NOW)


QUEUED = (SUBMITTED, CACHED)
ASSIGNED = (*QUEUED, assigned())
RUNNING = (*ASSIGNED, started())
CANCELLING = (*RUNNING, e.ExecutionCancelRequested(1, "me"))
CANCELLED_IN_QUEUE = e.AttemptResult(
    "cancelled", e.Reason("CANCELLED", "It was cancelled before it ran."), ended_at_us=NOW
)
