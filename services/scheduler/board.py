"""What the scheduler looks at: which executions wait, which hold a node, what is free. Folded from the log, in memory.

Counts are derived from the entries, never counted up and down. Those that wait stand in lines of their like, so that one
look at a line's shape answers for all in it, however many they are.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from domain.execution.events import ExecutionRetried, Reason
from domain.execution.job import Job
from domain.execution.state import INITIAL, Execution, evolve
from domain.node.events import NodeJoined
from domain.placement import NodeRoom
from domain.retry import platform_backoff_seconds, script_backoff_seconds
from services.runtime.log import Recorded, Ref


@dataclass(frozen=True, slots=True)
class Entry:
    """An open execution as of `position`. `since` and `due` are by this process's own clock (seconds): when it came to the
    queue, and from when on it may be placed; `turn` counts those that came to the queue."""

    ref: Ref
    state: Execution
    position: int
    job: Job
    since: float = 0.0
    due: float = 0.0
    turn: int = 0


class Line(NamedTuple):
    """What executions that wait have in common: who comes first, what they need, and what they were told."""

    priority: int
    runtime: str
    cpu_millis: int
    memory_bytes: int
    told: Reason | None


class Board:
    """The open executions and the nodes that have joined."""

    def __init__(
        self, now_us: Callable[[], int] = lambda: time.time_ns() // 1000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.open: dict[Ref, Entry] = {}
        self.nodes: dict[str, NodeJoined] = {}
        self.lines: dict[Line, dict[Ref, Entry]] = {}
        self.later: dict[Ref, Entry] = {}
        """Those whose next attempt is not due yet."""
        self._due: list[tuple[float, int, Ref]] = []
        self._leased: dict[str, dict[Ref, Entry]] = {}
        self.reserved: dict[Ref, str] = {}
        self._now_us, self.clock = now_us, clock
        self._turns = 0

    def apply(self, recorded: Recorded) -> Ref | None:
        """Fold one commit; one that is already part of an entry changes nothing.

        Returns the execution whose history must be loaded first: it had left the board and comes back.
        """
        ref, commit = recorded.commit.ref, recorded.commit
        if ref.aggregate == "node":
            self._apply_node(ref.id, recorded)
        elif ref.aggregate == "execution":
            if commit.damage or commit.unknown:
                self.drop(ref)
                return None
            before = self.open.get(ref)
            if before is None and recorded.previous != 0:
                return ref if isinstance(commit.events[-1], ExecutionRetried) else None
            state = before.state if before else INITIAL
            for event in commit.events:
                state = evolve(state, event)
            self.put(ref, state, recorded.position)
        return None

    def put(self, ref: Ref, state: Execution, position: int) -> None:
        """Take `state` as of `position` for the truth about an execution, unless the board knows it as new already."""
        before = self.open.get(ref)
        if before is not None:
            if position <= before.position:
                return
            self._remove(before)
        self.reserved.pop(ref, None)
        if not state.open or state.job is None:
            return
        entry = self._entry(ref, state, position, state.job, before)
        self.open[ref] = entry
        if state.leased:
            self._leased.setdefault(state.node_id, {})[ref] = entry
        elif state.phase == "queued":
            self._queue(entry)

    def drop(self, ref: Ref) -> None:
        """Its history cannot be read, so nothing is decided about it any more."""
        entry = self.open.get(ref)
        if entry is not None:
            self._remove(entry)
        self.reserved.pop(ref, None)

    def reserve(self, ref: Ref, node_id: str) -> None:
        """Count an execution as on a node while its assignment is on the way to the log."""
        self.reserved[ref] = node_id

    def release(self, ref: Ref) -> None:
        """Its assignment did not come to be."""
        self.reserved.pop(ref, None)

    def wake(self) -> float | None:
        """Let those stand in line whose time has come; returns the seconds until the next one's (None: nobody waits for it)."""
        while self._due:
            due, _, ref = self._due[0]
            entry = self.later.get(ref)
            if entry is not None and entry.due == due:
                if due > self.clock():
                    return due - self.clock()
                del self.later[ref]
                self.lines.setdefault(line_of(entry), {})[ref] = entry
            heapq.heappop(self._due)
        return None

    def rooms(self) -> list[NodeRoom]:
        """Every joined node with what is free of it."""
        return [self._room(node_id, node) for node_id, node in self.nodes.items()]

    def _entry(self, ref: Ref, state: Execution, position: int, job: Job, before: Entry | None) -> Entry:
        """Who was in the queue keeps its turn there. A wall clock that jumps makes nobody wait longer than the pause is."""
        if before is not None and before.state.phase == "queued" == state.phase:
            return Entry(ref, state, position, job, before.since, before.due, before.turn)
        pause = max(script_backoff_seconds(state.script_failures), platform_backoff_seconds(state.platform_faults))
        wait = min((state.not_before_us - self._now_us()) / 1e6, pause) if state.not_before_us else 0.0
        self._turns += 1
        now = self.clock()
        return Entry(ref, state, position, job, now, now + max(0.0, wait), self._turns)

    def _queue(self, entry: Entry) -> None:
        if entry.due > self.clock():
            self.later[entry.ref] = entry
            heapq.heappush(self._due, (entry.due, entry.turn, entry.ref))
        else:
            self.lines.setdefault(line_of(entry), {})[entry.ref] = entry

    def _room(self, node_id: str, node: NodeJoined) -> NodeRoom:
        held = list(self._leased.get(node_id, {}).values())
        held += [self.open[ref] for ref, on in self.reserved.items() if on == node_id and ref in self.open]
        offer = node.offer
        return NodeRoom(
            node_id,
            node.incarnation,
            offer.node_type,
            offer.runtimes,
            offer.cpu_millis,
            offer.memory_bytes,
            offer.cpu_millis - sum(entry.job.limits.cpu_millis for entry in held),
            offer.memory_bytes - sum(entry.job.limits.memory_bytes for entry in held),
        )

    def _apply_node(self, node_id: str, recorded: Recorded) -> None:
        for event in recorded.commit.events:
            if isinstance(event, NodeJoined):
                self.nodes[node_id] = event
            elif node_id in self.nodes and self.nodes[node_id].incarnation == event.incarnation:
                del self.nodes[node_id]

    def _remove(self, entry: Entry) -> None:
        del self.open[entry.ref]
        self.later.pop(entry.ref, None)
        if entry.state.leased:
            self._leased.get(entry.state.node_id, {}).pop(entry.ref, None)
            return
        line = line_of(entry)
        if line in self.lines:
            self.lines[line].pop(entry.ref, None)
            if not self.lines[line]:
                del self.lines[line]


def line_of(entry: Entry) -> Line:
    """The line that it stands in once it is due."""
    limits = entry.job.limits
    return Line(entry.state.priority, entry.job.runtime, limits.cpu_millis, limits.memory_bytes, entry.state.delay)
