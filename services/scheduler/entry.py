"""One open execution as the scheduler keeps it: what is decided by, and nothing of what is run.

Ten thousand members of a batch differ in their files and arguments, which nobody looks at here. What they have in common
is kept once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeVar

from domain.batch.halting import NEVER, Back
from domain.execution import events as e
from domain.execution.job import Job, Limits
from domain.execution.state import INITIAL, Execution, evolve
from domain.files import FileRef
from domain.retry import platform_backoff_seconds, script_backoff_seconds
from services.runtime.log import Recorded, Ref

NO_SCRIPT = FileRef("", "", 0)
ALIKE_MAX = 10_000
K = TypeVar("K")
V = TypeVar("V")


class Group(NamedTuple):
    """Who takes turns with whom: a batch, or (`batch_id` is empty) the single runs of a project."""

    account: str
    batch_id: str
    project: str


@dataclass(frozen=True, slots=True)
class Entry:
    """An open execution as of `position`. `queued`: the commit that put it into the queue last (0: none yet); its order
    among its like is that of the log, the same for everyone who reads it. `back`: when it came back to the queue. `since`
    and `due` are by this process's own clock (seconds): when it came to it, and from when on it may be placed."""

    ref: Ref
    state: Execution
    position: int
    group: Group
    queued: int = 0
    since: float = 0.0
    due: float = 0.0
    back: Back = NEVER

    @property
    def job(self) -> Job:
        """What a node must have for it, and its limits; the rest was left out."""
        assert self.state.job is not None
        return self.state.job

    @property
    def limits(self) -> Limits:
        return self.job.limits


class Slimming:
    """Makes entries out of commits, and keeps what many of them have in common once."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, str, Limits], Job] = {}
        self._states: dict[tuple[object, ...], Execution] = {}
        self._groups: dict[Group, Group] = {}

    def fold(self, before: Entry | None, recorded: Recorded) -> Entry | None:
        """The entry after a commit that follows `before`; None when it is none: nobody submitted it."""
        state = before.state if before else INITIAL
        group = before.group if before else None
        queued, back = (before.queued, before.back) if before else (0, NEVER)
        for event in recorded.commit.events:
            was = state.phase
            state = evolve(state, event)
            if isinstance(event, e.ExecutionSubmitted):
                group = self._group(recorded.commit.ref.account, event)
                state = replace(state, job=self._job(event.job), fingerprint="")
            if state.phase == "queued" != was:
                queued = recorded.position
                back = back.after(event, recorded.position, recorded.commit.cause)
        if group is None or state.job is None:
            return None
        return Entry(recorded.commit.ref, self._same(state), recorded.position, group, queued, back=back)

    def _group(self, account: str, event: e.ExecutionSubmitted) -> Group:
        group = Group(account, event.batch_id, "" if event.batch_id else event.project)
        return _kept(self._groups, group, group)

    def _job(self, job: Job) -> Job:
        key = _demand(job)
        return self._jobs.get(key) or _kept(self._jobs, key, _outline(job))

    def _same(self, state: Execution) -> Execution:
        """Those that have only been queued are alike but for their names."""
        if state.attempt or state.delay or state.phase != "queued" or state.job is None:
            return replace(state, spans=()) if state.spans else state
        key = (state.batch_id, state.priority, state.memoize, state.round, *_demand(state.job))
        return self._states.get(key) or _kept(self._states, key, state)


def timed(entry: Entry, before: Entry | None, now_us: Callable[[], int], now: float) -> Entry:
    """An entry that waits, with its time. Who was in the queue keeps it; a wall clock that jumps makes nobody wait longer
    than the pause is."""
    if before is not None and before.state.phase == "queued" and before.queued == entry.queued:
        return replace(entry, since=before.since, due=before.due)
    state = entry.state
    pause = max(script_backoff_seconds(state.script_failures), platform_backoff_seconds(state.platform_faults))
    wait = min((state.not_before_us - now_us()) / 1e6, pause) if state.not_before_us else 0.0
    return replace(entry, since=now, due=now + wait if wait > 0 else now)


def _demand(job: Job) -> tuple[str, str, Limits]:
    """What tells nodes apart for it."""
    return job.needs, job.image, job.limits


def _outline(job: Job) -> Job:
    return Job(job.runtime, NO_SCRIPT, limits=job.limits, interpreter=job.interpreter, image=job.image)


def _kept(known: dict[K, V], key: K, value: V) -> V:
    if len(known) >= ALIKE_MAX:
        known.clear()
    return known.setdefault(key, value)
