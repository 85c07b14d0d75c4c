"""What the scheduler looks at: which executions wait, which hold a node, what is free. Folded from the log, in memory.

It is the log as of `position`, whoever wrote it, and beside that what this scheduler has under way: an execution whose
assignment is on its way to the log is reserved, and counts as held until the log has answered.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from domain.execution.events import ExecutionRetried
from domain.node.events import NodeJoined
from domain.placement import NodeRoom
from services.runtime.log import Recorded, Ref
from services.scheduler.batches import Batches
from services.scheduler.entry import Entry, Group, Slimming, timed
from services.scheduler.held import Held, room_of
from services.scheduler.lines import Lines

TURNS_MAX = 10_000


class Board:
    """The open executions, their batches, and the nodes that have joined."""

    def __init__(
        self, now_us: Callable[[], int] = lambda: time.time_ns() // 1000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.position = 0
        self.open: dict[Ref, Entry] = {}
        self.nodes: dict[str, NodeJoined] = {}
        self.batches = Batches()
        self.held = Held()
        self.lines = Lines(clock)
        self.last_turns: OrderedDict[Group | str, int] = OrderedDict()
        """When each group and account was last given a place, counted in places."""
        self.kept: dict[str, Entry] = {}
        """For whom a node is kept, as of the last time that somebody was placed."""
        self.stirred = False
        """Somebody may be placed who could not be before."""
        self._places = 0
        self._slimming = Slimming()
        self._now_us, self.clock = now_us, clock

    def apply(self, recorded: Recorded) -> bool:
        """Fold one commit; one that is part of the board already changes nothing. False: load that history first."""
        self.position = max(self.position, recorded.position)
        aggregate = recorded.commit.ref.aggregate
        if aggregate == "execution":
            return self._apply_execution(recorded)
        if aggregate == "batch":
            self.stirred = True
            return self.batches.apply(recorded)
        if aggregate == "node":
            self.stirred = True
            self._apply_node(recorded)
        return True

    def read(self, history: Sequence[Recorded]) -> Entry | None:
        """What a history makes an execution; None when it does not begin with a submission."""
        entry: Entry | None = None
        for recorded in history:
            entry = self._slimming.fold(entry, recorded)
        return entry

    def put(self, entry: Entry) -> None:
        """Take `entry` for the truth about its execution, unless the board knows it as new already."""
        before = self.open.get(entry.ref)
        if before is not None and entry.position <= before.position:
            return
        self.batches.note(entry)
        if entry.state.phase == "queued":
            entry = timed(entry, before, self._now_us, self.clock())
        self._queue(before, entry)
        self.held.take(entry)
        if entry.state.open:
            self.open[entry.ref] = entry
        elif before is not None:
            del self.open[entry.ref]
        if not entry.state.leased and (before is None or before.state.phase != entry.state.phase):
            self.stirred = True

    def drop(self, ref: Ref) -> None:
        """Its history cannot be read, so nothing is decided about it any more."""
        if ref.aggregate == "batch":
            self.batches.damage(ref)
        entry = self.open.pop(ref, None)
        if entry is not None:
            self.lines.remove(entry)
        self.held.remove(ref)

    def reserve(self, ref: Ref, node_id: str) -> None:
        """Count an execution as on a node while its assignment is on the way to the log."""
        entry = self.open[ref]
        self.held.reserve(entry, node_id)
        self._places += 1
        for who in (entry.group, entry.group.account):
            self.last_turns[who] = self._places
            self.last_turns.move_to_end(who)
        while len(self.last_turns) > TURNS_MAX:
            self.last_turns.popitem(last=False)

    def settle(self, ref: Ref, position: int) -> None:
        """The log has answered: what came of the assignment is part of it as of `position`."""
        entry = self.open.get(ref)
        if entry is None or entry.position >= position:
            self.release(ref)
        else:
            self.held.void_from(ref, position)

    def release(self, ref: Ref) -> None:
        """Its assignment did not come to be, as far as anybody knows."""
        if ref in self.reserved:
            self.held.remove(ref)
            self.stirred = True

    @property
    def reserved(self) -> Mapping[Ref, int | None]:
        """Whose assignment is on its way to the log."""
        return self.held.reserved

    def rooms(self) -> list[NodeRoom]:
        """Every joined node with what is free of it."""
        return [room_of(node_id, node, self.held.of_node(node_id)) for node_id, node in self.nodes.items()]

    def _apply_execution(self, recorded: Recorded) -> bool:
        ref, commit = recorded.commit.ref, recorded.commit
        if commit.damage or commit.unknown:
            self.drop(ref)
            return True
        before = self.open.get(ref)
        if before is None and recorded.previous != 0:
            return not isinstance(commit.events[-1], ExecutionRetried)
        if before is not None and recorded.position <= before.position:
            return True
        if before is not None and recorded.previous != before.position:
            return False
        entry = self._slimming.fold(before, recorded)
        if entry is not None:
            self.put(entry)
        return True

    def _apply_node(self, recorded: Recorded) -> None:
        node_id = recorded.commit.ref.id
        for event in recorded.commit.events:
            if isinstance(event, NodeJoined):
                self.nodes[node_id] = event
            elif node_id in self.nodes and self.nodes[node_id].incarnation == event.incarnation:
                del self.nodes[node_id]

    def _queue(self, before: Entry | None, entry: Entry) -> None:
        """Its place in a line, which it keeps for as long as it waits there."""
        queued = entry.state.phase == "queued"
        if before is not None and before.state.phase == "queued":
            if queued and before.queued == entry.queued and self.lines.replace(before, entry):
                return
            self.lines.remove(before)
        if queued:
            self.lines.add(entry, fixed=self.batches.limited(entry))
