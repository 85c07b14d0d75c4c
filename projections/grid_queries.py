"""What everybody asks of the read models: how far they are, and which machines there are."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import orjson

from domain.node.events import NodeJoined
from domain.node.offer import Offer
from projections.database import Database
from projections.store import Stand
from projections.waiting import Positions


class GridQueries:
    """Read only; reads may be stale, `wait_for` makes them fresh enough. All raise Unavailable when Postgres is away."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._positions = Positions(database)

    async def wait_for(self, min_seq: int, timeout_seconds: float = 5.0) -> int:
        """The stored position, at least `min_seq`; Unavailable (PROJECTIONS_BEHIND) when that takes longer."""
        return await self._positions.wait_for(min_seq, timeout_seconds)

    async def position(self) -> int:
        """Position of the last commit in the read models, 0 when there is none."""
        row = await self._database.fetch_one("SELECT position FROM live.positions")
        return row[0] if row else 0

    async def stand(self) -> Stand | None:
        row = await self._database.fetch_one("SELECT position, generation, shape FROM live.positions")
        return Stand(*row) if row else None

    async def close(self) -> None:
        await self._positions.close()

    async def nodes(self) -> list[dict[str, Any]]:
        """Every node that ever joined; `status` is joined, lost or left."""
        return [orjson.loads(row[0]) for row in await self._database.fetch("SELECT doc FROM live.nodes ORDER BY id")]

    async def nodes_joined(self) -> dict[str, NodeJoined]:
        """How every node joined that is there now, by its id."""
        return {doc["id"]: _joined(doc) for doc in await self.nodes() if doc["status"] == "joined"}

    async def nodes_lost(self) -> dict[str, NodeJoined]:
        """How every node had joined that was lost and is not back, by its id."""
        return {doc["id"]: _joined(doc) for doc in await self.nodes() if doc["status"] == "lost"}


def _joined(doc: dict[str, Any]) -> NodeJoined:
    values = {each.name: doc[each.name] for each in fields(Offer)}
    lists = {name: tuple(doc[name]) for name in ("runtimes", "targets")}
    return NodeJoined(doc["incarnation"], Offer(**{**values, **lists}))
