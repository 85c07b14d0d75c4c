"""A rehearsal of several schedulers over one log: each sees it as far as it came, has answers under way, and its own clock."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from domain.batch import commands as b
from domain.batch.events import MemberList
from domain.batch.members import member_id
from domain.catalog import AGGREGATES
from domain.errors import Refused
from domain.execution import commands as c
from domain.execution import events as e
from domain.execution.job import Job, Limits
from domain.files import FileRef
from domain.node.commands import JoinNode
from domain.node.offer import Offer
from domain.placement import NodeRoom
from services.runtime.log import Commit, Recorded, Ref
from services.scheduler.board import Board
from services.scheduler.entry import Entry
from services.scheduler.placing import assignment, choose
from services.scheduler.watched import Watched

NOW = 1_790_000_000_000_000
GIB = 1024**3
HIT = e.Lookup("hit", "known")
RESOLVE = c.ResolveExecution(HIT, HIT, HIT)


def job(cpu: int = 1000, retries: int = 0) -> Job:
    return Job("python", FileRef("a.py", "0" * 64, 1), limits=Limits(cpu, GIB // 8), retries=retries)


def batch(id: str, account: str = "a") -> Ref:
    return Ref(account, "batch", id)


class Log:
    """Commits in order; every command is decided on the whole of it, like the real one's."""

    def __init__(self) -> None:
        self.commits: list[Recorded] = []
        self.histories: defaultdict[Ref, list[Recorded]] = defaultdict(list)
        self.leased: defaultdict[str, set[Ref]] = defaultdict(set)
        """Members that hold a lease, by batch."""
        self.now_us = NOW

    def state(self, ref: Ref) -> Any:
        aggregate = AGGREGATES[ref.aggregate]
        events = [event for each in self.histories[ref] for event in each.commit.events]
        return reduce(aggregate.evolve, events, aggregate.initial)

    def do(self, ref: Ref, *commands: Any, cause: int = 0) -> int:
        """Decide and append; the position of the aggregate then. What is refused adds nothing."""
        aggregate, state, events = AGGREGATES[ref.aggregate], self.state(ref), []
        for command in commands:
            try:
                more = aggregate.decide(state, command)
            except Refused:
                more = []
            state = reduce(aggregate.evolve, more, state)
            events += more
        history = self.histories[ref]
        previous = history[-1].position if history else 0
        if not events:
            return previous
        position = len(self.commits) + 1
        self.now_us += 1
        commit = Commit(ref, f"c{position}", self.now_us, "test", tuple(events), cause)
        recorded = Recorded(position, previous, commit)
        self.commits.append(recorded)
        history.append(recorded)
        if ref.aggregate == "execution" and state.batch_id:
            (self.leased[state.batch_id].add if state.leased else self.leased[state.batch_id].discard)(ref)
        return position

    def join(self, node_id: str = "n1", cpu: int = 4000) -> None:
        self.do(Ref("grid", "node", node_id), JoinNode("i1", Offer("local", cpu, 64 * GIB, "bubblewrap", ("python",))))

    def submit(self, id: str, account: str = "a", project: str = "p", priority: int = 0, **what: Any) -> Ref:
        """A single run, ready to be placed."""
        ref = Ref(account, "execution", id)
        self.do(ref, c.SubmitExecution(job(**what), "f", project=project, priority=priority), RESOLVE)
        return ref

    def fan_out(
        self, id: str, count: int, account: str = "a", priority: int = 0, expand: bool = True, **how: Any
    ) -> list[Ref]:
        """A batch with all its members; `how`: parallel, failures_max, cpu, retries."""
        what = job(how.pop("cpu", 1000), how.pop("retries", 0))
        members = MemberList("0" * 64, 1, count)
        self.do(batch(id, account), b.SubmitBatch(members, what, "f", priority=priority, **how))
        refs = [Ref(account, "execution", member_id(account, id, index)) for index in range(count)]
        for index, ref in enumerate(refs):
            submit = c.SubmitExecution(what, "f", priority=priority, batch_id=id, member=str(index))
            self.do(ref, submit, RESOLVE)
        if expand:
            self.do(batch(id, account), b.ExpandBatch(count))
        return refs

    def end(self, ref: Ref, status: str = "succeeded") -> None:
        """The attempt that holds a lease ends so."""
        state = self.state(ref)
        reason = e.Reason(status.upper(), status)
        if status == "lost":
            self.do(ref, c.LoseExecution(state.attempt, reason, self.now_us))
        elif state.leased:
            result = e.AttemptResult(status, reason)
            self.do(ref, c.FinishExecution(state.attempt, state.node_id, result, self.now_us))


@dataclass
class Scheduling:
    """One scheduler, step by step. `sent`: what it decided and the log has not heard yet."""

    log: Log
    now: float = 100.0
    sent: list[tuple[Entry, NodeRoom]] = field(default_factory=list)
    true_from: int = 0

    def __post_init__(self) -> None:
        self.board = self._empty()

    def _empty(self) -> Board:
        return Board(lambda: self.log.now_us, lambda: self.now)

    def fold(self, count: int = 10**9) -> None:
        """Follow the log so many commits further."""
        for recorded in self.log.commits[self.board.position : self.board.position + count]:
            if not self.board.apply(recorded):
                self._load(recorded.commit.ref)

    def _load(self, ref: Ref) -> None:
        history = [each for each in self.log.histories[ref] if each.position <= self.board.position]
        if ref.aggregate == "batch":
            watched = Watched(ref)
            for each in history:
                watched.apply(each)
            self.board.batches.put(watched)
            return
        entry = self.board.read(history)
        if entry is not None:
            self.board.put(entry)

    def restart(self, position: int) -> None:
        """Begin anew from what the read models know at `position`, as the service does."""
        self.board, self.sent = self._empty(), []
        self.board.position = min(position, len(self.log.commits))
        for ref in [ref for ref in self.log.histories if ref.aggregate == "batch"]:
            self._load(ref)
        entries = []
        for ref in [ref for ref in self.log.histories if ref.aggregate == "execution" and self.log.state(ref).open]:
            entry = self.board.read([each for each in self.log.histories[ref] if each.position <= position])
            entries += [entry] if entry is not None else []
        for entry in sorted(entries, key=lambda each: each.queued):
            self.board.put(entry)
        for ref in self.log.histories:
            if ref.aggregate == "node":
                for each in self.log.histories[ref]:
                    self.board.apply(each)
        self.board.position = min(position, len(self.log.commits))
        self.true_from = len(self.log.commits)

    def decide(self) -> list[Ref]:
        """Whom it would place now; they are on their way to the log then."""
        if self.board.position < self.true_from:
            return []
        self.board.lines.wake()
        chosen = choose(self.board)
        for entry, room in chosen:
            self.board.reserve(entry.ref, room.node_id)
        self.sent += chosen
        return [entry.ref for entry, _ in chosen]

    def send(self, which: int = 0, answered: bool = True) -> None:
        """One of those arrives; without an answer it may be thought not to have."""
        entry, room = self.sent.pop(which % len(self.sent))
        command = assignment(entry, room, self.log.now_us + 10**9)
        position = self.log.do(entry.ref, command)
        if answered:
            self.board.settle(entry.ref, position)
        else:
            self.board.release(entry.ref)

    def place(self) -> list[Ref]:
        """Follow, decide, send; whom it placed, in that order."""
        self.fold()
        chosen = self.decide()
        while self.sent:
            self.send()
        self.fold()
        return chosen

    def holding(self) -> Counter[tuple[str, str]]:
        """How many of each group hold a node, as the board sees it."""
        entries = self.board.open.values()
        return Counter(each.group[:2] for each in entries if each.state.leased or each.ref in self.board.reserved)
