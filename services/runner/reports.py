"""Says facts to the control plane: each is repeated until the server has stored it, and stored once."""

from __future__ import annotations

import asyncio
import logging

from domain.errors import Unavailable
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.messages import EnvironmentFact, FinishedFact, Heartbeat, JoinedFact, LeftFact, StartedFact
from services.runtime.plain import to_json

log = logging.getLogger("rgrid.runner")

PAUSE_SECONDS_FIRST, PAUSE_SECONDS_MAX = 0.05, 2.0


class Reports:
    """The facts of one node."""

    def __init__(self, bus: Bus, node_id: str) -> None:
        self._bus, self._node_id = bus, node_id

    async def attempt(self, fact: StartedFact | FinishedFact) -> None:
        """Returns when it is stored, however long the server is away."""
        subject = subjects.report(self._node_id, fact)
        verb = subjects.FACT_VERBS[type(fact)]
        await self._say(subject, to_json(fact), f"{fact.execution}.{fact.attempt}.{verb}")

    async def environment(self, fact: EnvironmentFact, tag: str = "") -> None:
        """The same for what became of an environment; `tag` tells facts apart that would be equal otherwise."""
        name = f"{self._node_id}.{fact.account}.{fact.execution}.{fact.attempt}.{fact.id}.{fact.event}.{tag}"
        await self._say(subjects.report(self._node_id, fact), to_json(fact), name)

    async def node(self, fact: JoinedFact | LeftFact) -> None:
        """The same for what happens to the node itself."""
        verb = subjects.FACT_VERBS[type(fact)]
        await self._say(
            subjects.report(self._node_id, fact), to_json(fact), f"{self._node_id}.{fact.incarnation}.{verb}"
        )

    async def heartbeat(self, beat: Heartbeat) -> None:
        """Said once: the next one comes soon enough."""
        try:
            await self._bus.publish(subjects.lease(self._node_id), to_json(beat))
        except Unavailable as error:
            log.debug("heartbeat not delivered: %s", error)

    async def _say(self, subject: str, data: bytes, msg_id: str) -> None:
        pause = PAUSE_SECONDS_FIRST
        while True:
            try:
                await self._bus.publish(subject, data, msg_id=msg_id)
                return
            except Unavailable as error:
                log.debug("%s not delivered yet: %s", subject, error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
