"""Who goes where now: turn by turn, and whoever does not fit stands in nobody's way for long."""

from __future__ import annotations

from dataclasses import replace
from math import log2

from domain.execution.commands import AssignExecution
from domain.placement import NodeRoom, awaited, place
from services.scheduler.board import Board
from services.scheduler.entry import Entry
from services.scheduler.turns import Turns

KEEP_SECONDS = 60.0


def choose(board: Board) -> list[tuple[Entry, NodeRoom]]:
    """Everybody who fits now, with their node. A line whose first does not fit is done with: room only shrinks meanwhile.

    Whose turn it is and who does not fit keeps a node, for a while: groups (accounts) whose turn comes after get none of it,
    so that room which comes free bit by bit becomes enough. The work is bound by the lines and by what can be placed, not
    by how many wait.
    """
    rooms = {room.node_id: room for room in board.rooms()}
    kept: dict[str, Entry] = {}
    chosen: list[tuple[Entry, NodeRoom]] = []
    turns = Turns(board)
    while any(room.cpu_free_millis > 0 for room in rooms.values()):
        entry = turns.next()
        if entry is None:
            break
        theirs = {id for id, keeper in kept.items() if turns.comes_after(entry.group, keeper.group)}
        room = place(entry.job, [room for room in rooms.values() if room.node_id not in theirs])
        if isinstance(room, NodeRoom):
            chosen.append((entry, room))
            rooms[room.node_id] = _taken(room, entry)
            turns.taken()
            continue
        if keeps(board.clock() - max(entry.since, entry.due)):
            node = awaited(entry.job, [room for room in rooms.values() if room.node_id not in kept])
            if node is not None:
                kept[node.node_id] = entry
        turns.passed()
    board.kept = kept
    return chosen


def keeps(waited_seconds: float) -> bool:
    """Whether one that has waited so long keeps a node: for the first minute, then by turns for as long as it has waited.

    What runs there may take hours, and nobody knows; the longer it was in vain, the longer others have the room as well.
    """
    return waited_seconds < KEEP_SECONDS or int(log2(waited_seconds / KEEP_SECONDS)) % 2 == 1


def assignment(entry: Entry, room: NodeRoom, now_us: int) -> AssignExecution:
    """The command for it, which holds only while the execution waits as it did on the board."""
    state = entry.state
    return AssignExecution(state.attempt + 1, room.node_id, room.incarnation, room.node_type, now_us, state.round)


def _taken(room: NodeRoom, entry: Entry) -> NodeRoom:
    limits = entry.limits
    return replace(
        room,
        cpu_free_millis=room.cpu_free_millis - limits.cpu_millis,
        memory_free_bytes=room.memory_free_bytes - limits.memory_bytes,
    )
