"""Who goes where now: higher priority first, then who came first, and whoever does not fit stands in nobody's way."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace

from domain.placement import NodeRoom, place
from services.scheduler.board import Board, Entry


def choose(board: Board) -> list[tuple[Entry, NodeRoom]]:
    """Everybody who fits now, with their node. A line whose first does not fit is done with: room only shrinks meanwhile.

    The work is bound by the lines and by what can be placed, not by how many wait.
    """
    rooms = {room.node_id: room for room in board.rooms()}
    chosen: list[tuple[Entry, NodeRoom]] = []
    heads = [_head(board, iter(entries.values())) for entries in list(board.lines.values())]
    queue = [head for head in heads if head is not None]
    heapq.heapify(queue)
    while queue and any(room.cpu_free_millis > 0 for room in rooms.values()):
        _, _, entry, rest = heapq.heappop(queue)
        room = place(entry.job, list(rooms.values()))
        if not isinstance(room, NodeRoom):
            continue
        chosen.append((entry, room))
        rooms[room.node_id] = _taken(room, entry)
        head = _head(board, rest)
        if head is not None:
            heapq.heappush(queue, head)
    return chosen


Head = tuple[int, int, Entry, Iterator[Entry]]
"""Whose turn it is in one line, and who stands behind."""


def _head(board: Board, rest: Iterator[Entry]) -> Head | None:
    entry = next((each for each in rest if each.ref not in board.reserved), None)
    return None if entry is None else (-entry.state.priority, entry.turn, entry, rest)


def _taken(room: NodeRoom, entry: Entry) -> NodeRoom:
    limits = entry.job.limits
    return replace(
        room,
        cpu_free_millis=room.cpu_free_millis - limits.cpu_millis,
        memory_free_bytes=room.memory_free_bytes - limits.memory_bytes,
    )
