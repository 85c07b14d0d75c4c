"""Looks at the clock: nodes that fell silent, attempts that nobody holds, work that stalled. It re-drives, it never decides.

Everything it sends is a command like any other: what is no longer so is refused by the decider.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from domain.cost.commands import FinalizeCost
from domain.cost.settlement import settle
from domain.errors import RgridError
from domain.execution.commands import LoseExecution, ResolveExecution
from domain.execution.events import Lookup, Reason
from domain.execution.state import Execution
from domain.node.commands import JoinNode, LoseNode
from services.runtime.log import Ref
from services.runtime.messages import CancelWork, Heartbeat
from services.runtime.nodes import listen_leases, reports_pending
from services.runtime.service import Context, Service

logger = logging.getLogger("rgrid.watchdog")

TICK_SECONDS = 1.0
SILENCE_MARGIN_SECONDS = 5.0
"""On top of the lease, for beats on their way."""
UNLISTED_SECONDS = 20.0
"""How long a node may hold an attempt by the log that its own beats do not name."""
STALLED_SECONDS = 15.0
STALLED_EVERY_TICKS = 10
CONSUMERS_EVERY_TICKS = 5
UNKNOWN = Lookup("miss", "the resolver did not answer in time")


@dataclass
class Beat:
    """The last heartbeat of a node, by this process's own clock (seconds): a jump of the wall clock loses nobody."""

    heartbeat: Heartbeat | None
    heard_at: float


class Watchdog:
    def __init__(self, context: Context) -> None:
        self.context = context
        self.beats: dict[str, Beat] = {}
        self._unlisted: dict[tuple[Ref, int], float] = {}
        self._clock = asyncio.get_running_loop().time

    async def run(self) -> None:
        """Listen and tick until cancelled."""
        await listen_leases(self.context.bus, list(await self.context.queries.nodes_joined()), self._heard)
        for tick in range(10**12):
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self._tick()
                if tick % STALLED_EVERY_TICKS == 0:
                    await self._redrive()
                if tick % CONSUMERS_EVERY_TICKS == 0:
                    await self._keep_consumers()
            except (RgridError, OSError) as error:
                logger.warning("the watch was interrupted: %s", error)

    async def _heard(self, node_id: str, heartbeat: Heartbeat) -> None:
        self.beats[node_id] = Beat(heartbeat, self._clock())
        for account, execution, attempt in heartbeat.attempts:
            await self._check_held(node_id, _execution(account, execution), attempt)

    async def _check_held(self, node_id: str, ref: Ref, attempt: int) -> None:
        """An attempt that a node works on without holding its lease is stopped (F2, F4)."""
        state: Execution = await self.context.state(ref)
        if state.held_by(node_id, attempt):
            return
        state, _ = await self.context.load(ref)
        if not state.held_by(node_id, attempt) and not (state.phase == "finished" and state.attempt == attempt):
            stop = CancelWork(ref.account, ref.id, attempt, cause="stale")
            await self.context.publish_work(node_id, stop)

    async def _tick(self) -> None:
        for node_id, joined in (await self.context.queries.nodes_joined()).items():
            beat = self.beats.setdefault(node_id, Beat(None, self._clock()))
            silent = self._clock() - beat.heard_at
            if silent > self.context.settings.lease_seconds + SILENCE_MARGIN_SECONDS:
                lose = LoseNode(joined.incarnation, round(silent, 1))
                await self._send(Ref("grid", "node", node_id), lose)
        for node_id, held in (await self.context.queries.leased_executions()).items():
            await self._check_leased(node_id, [_execution(*each) for each in held])
        await self._welcome_back()

    async def _keep_consumers(self) -> None:
        """A node may not make the consumer of its work itself: one that was deleted (F7) would leave it idle for ever."""
        for node_id in await self.context.queries.nodes_joined():
            await self.context.ensure_node(node_id)

    async def _check_leased(self, node_id: str, refs: Sequence[Ref]) -> None:
        """Everything a silent node holds is lost; so is what a node in good health does not know of."""
        beat = self.beats.setdefault(node_id, Beat(None, self._clock()))
        silent = self._clock() - beat.heard_at
        if silent > self.context.settings.lease_seconds + SILENCE_MARGIN_SECONDS:
            reason = Reason("NODE_LOST", f"Nothing was heard of {node_id} for {silent:.0f} s.")
            for ref in refs:
                await self._lose(node_id, ref, reason)
        elif beat.heartbeat is not None:
            named = {(account, execution) for account, execution, _ in beat.heartbeat.attempts}
            await self._check_unlisted(node_id, [ref for ref in refs if (ref.account, ref.id) not in named])

    async def _check_unlisted(self, node_id: str, refs: Sequence[Ref]) -> None:
        now = self._clock()
        before, self._unlisted = (
            self._unlisted,
            {key: since for key, since in self._unlisted.items() if now - since < 10 * UNLISTED_SECONDS},
        )
        for ref in refs:
            state: Execution = await self.context.state(ref)
            key = (ref, state.attempt)
            since = self._unlisted.setdefault(key, before.get(key, now))
            if now - since < UNLISTED_SECONDS or await reports_pending(self.context.bus, "service-foreman"):
                continue
            reason = Reason("WORK_LOST", f"{node_id} is in good health but does not know of this attempt.")
            await self._lose(node_id, ref, reason)
            del self._unlisted[key]

    async def _lose(self, node_id: str, ref: Ref, reason: Reason) -> None:
        state, _ = await self.context.load(ref)
        if state.leased and state.node_id == node_id:
            command = LoseExecution(state.attempt, reason, self.context.now_us())
            await self._send(ref, command)

    async def _welcome_back(self) -> None:
        """A node that was given up and is heard of again joins again."""
        for node_id, last in (await self.context.queries.nodes_lost()).items():
            beat = self.beats.get(node_id)
            if (
                beat is None
                or beat.heartbeat is None
                or self._clock() - beat.heard_at > self.context.settings.lease_seconds
            ):
                continue
            if beat.heartbeat.incarnation == last.incarnation:
                join = JoinNode(last.incarnation, last.offer)
                await self._send(Ref("grid", "node", node_id), join)

    async def _redrive(self) -> None:
        """Push on what a parked or forgotten reaction left behind."""
        before_us = self.context.now_us() - int(STALLED_SECONDS * 1e6)
        for each in await self.context.queries.unresolved_executions(before_us):
            await self._send(_execution(*each), ResolveExecution(UNKNOWN, UNKNOWN, UNKNOWN))
        for each in await self.context.queries.unsettled_executions(before_us):
            ref = _execution(*each)
            state, _ = await self.context.load(ref)
            if state.phase == "finished":
                await self._send(Ref(ref.account, "cost", ref.id), settle(state))

    async def _send(self, ref: Ref, command: object) -> None:
        try:
            await self.context.handle(ref, command)
        except RgridError as error:
            logger.warning("%s of %s: %s", type(command).__name__, ref.id, error)


def _execution(account: str, id: str) -> Ref:
    return Ref(account, "execution", id)


async def run(context: Context) -> None:
    """The service's whole life."""
    await Watchdog(context).run()


SERVICE = Service(
    name="watchdog", consumes=(), sends=(LoseNode, LoseExecution, JoinNode, ResolveExecution, FinalizeCost), start=run
)
