"""What the scheduler looks at: which executions wait, which hold a node, what is free. Folded from the log, in memory.

Counts are derived from the entries, never counted up and down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from domain.execution.decider import INITIAL, Execution, evolve
from domain.execution.events import ExecutionRetried
from domain.node.events import NodeJoined
from domain.placement import NodeRoom
from services.runtime.log import Recorded, Ref


@dataclass(frozen=True, slots=True)
class Entry:
    """An open execution as of `position`."""

    ref: Ref
    state: Execution
    position: int


class Board:
    """The open executions and the nodes that have joined."""

    def __init__(self) -> None:
        self.open: dict[Ref, Entry] = {}
        self.nodes: dict[str, NodeJoined] = {}
        self._waiting: dict[int, dict[Ref, Entry]] = {}
        self._leased: dict[str, dict[Ref, Entry]] = {}
        self._reserved: dict[Ref, str] = {}

    def apply(self, recorded: Recorded) -> Ref | None:
        """Fold one commit; one that is already part of an entry changes nothing.

        Returns the execution whose history must be loaded first: it had left the board and comes back.
        """
        ref = recorded.commit.ref
        if ref.aggregate == "node":
            self._apply_node(ref.id, recorded)
        elif ref.aggregate == "execution":
            before = self.open.get(ref)
            if recorded.commit.damage or recorded.commit.unknown:
                self.drop(ref)
                return None
            if before is None and recorded.previous != 0:
                return ref if isinstance(recorded.commit.events[-1], ExecutionRetried) else None
            state = before.state if before else INITIAL
            for event in recorded.commit.events:
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
        self._reserved.pop(ref, None)
        if not state.open or state.job is None:
            return
        entry = Entry(ref, state, position)
        self.open[ref] = entry
        if state.leased:
            self._leased.setdefault(state.node_id, {})[ref] = entry
        elif state.phase == "queued":
            self._waiting.setdefault(state.priority, {})[ref] = entry

    def drop(self, ref: Ref) -> None:
        """Its history cannot be read, so nothing is decided about it any more."""
        entry = self.open.get(ref)
        if entry is not None:
            self._remove(entry)
        self._reserved.pop(ref, None)

    def reserve(self, ref: Ref, node_id: str) -> None:
        """Count an execution as on a node while its assignment is on the way to the log."""
        self._reserved[ref] = node_id

    def release(self, ref: Ref) -> None:
        """Its assignment did not come to be."""
        self._reserved.pop(ref, None)

    def waiting(self) -> Iterator[Entry]:
        """Those that could be placed, higher priority first, then in the order they came to the queue."""
        for priority in sorted(self._waiting, reverse=True):
            for ref, entry in self._waiting[priority].items():
                if ref not in self._reserved:
                    yield entry

    def rooms(self) -> list[NodeRoom]:
        """Every joined node with what is free of it."""
        return [self._room(node_id, node) for node_id, node in self.nodes.items()]

    def _room(self, node_id: str, node: NodeJoined) -> NodeRoom:
        held = list(self._leased.get(node_id, {}).values())
        held += [self.open[ref] for ref, on in self._reserved.items() if on == node_id and ref in self.open]
        limits = [entry.state.job.limits for entry in held if entry.state.job]
        return NodeRoom(
            node_id,
            node.incarnation,
            node.node_type,
            node.runtimes,
            node.cpu_millis,
            node.memory_bytes,
            node.cpu_millis - sum(limit.cpu_millis for limit in limits),
            node.memory_bytes - sum(limit.memory_bytes for limit in limits),
        )

    def _apply_node(self, node_id: str, recorded: Recorded) -> None:
        for event in recorded.commit.events:
            if isinstance(event, NodeJoined):
                self.nodes[node_id] = event
            elif node_id in self.nodes and self.nodes[node_id].incarnation == event.incarnation:
                del self.nodes[node_id]

    def _remove(self, entry: Entry) -> None:
        del self.open[entry.ref]
        state = entry.state
        held = self._leased.get(state.node_id, {}) if state.leased else self._waiting.get(state.priority, {})
        held.pop(entry.ref, None)
