"""Who goes where now: turn by turn, and whoever does not fit stands in nobody's way."""

from __future__ import annotations

from dataclasses import replace

from domain.placement import NodeRoom, place
from services.scheduler.board import Board
from services.scheduler.entry import Entry
from services.scheduler.turns import Turns


def choose(board: Board) -> list[tuple[Entry, NodeRoom]]:
    """Everybody who fits now, with their node. A line whose first does not fit is done with: room only shrinks meanwhile.

    The work is bound by the lines and by what can be placed, not by how many wait.
    """
    rooms = {room.node_id: room for room in board.rooms()}
    chosen: list[tuple[Entry, NodeRoom]] = []
    turns = Turns(board)
    while any(room.cpu_free_millis > 0 for room in rooms.values()):
        entry = turns.next()
        if entry is None:
            break
        room = place(entry.job, list(rooms.values()))
        if isinstance(room, NodeRoom):
            chosen.append((entry, room))
            rooms[room.node_id] = _taken(room, entry)
            turns.taken()
        else:
            turns.passed()
    return chosen


def _taken(room: NodeRoom, entry: Entry) -> NodeRoom:
    limits = entry.limits
    return replace(
        room,
        cpu_free_millis=room.cpu_free_millis - limits.cpu_millis,
        memory_free_bytes=room.memory_free_bytes - limits.memory_bytes,
    )
