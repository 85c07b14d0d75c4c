"""Nodes that fell silent, and attempts that the log and their node do not agree about."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from domain.errors import HistoryLost, RgridError
from domain.execution.commands import LoseExecution
from domain.execution.events import Reason
from domain.execution.state import Execution
from domain.node.commands import JoinNode, LoseNode
from services.runtime.log import Ref
from services.runtime.messages import CancelWork, Heartbeat
from services.runtime.service import Context
from services.watchdog.redrive import send

logger = logging.getLogger("rgrid.watchdog")

TICK_SECONDS = 1.0
TICK_SECONDS_MAX = 5.0
"""A tick that comes later than this was held up, and so were the beats: what was not heard then proves nothing."""
SILENCE_MARGIN_SECONDS = 5.0
"""On top of the lease, for beats on their way."""
UNLISTED_SECONDS = 20.0
"""How long a node may hold an attempt by the log that its own beats do not name."""


@dataclass
class Beat:
    """The last heartbeat of a node, by this process's own clock (seconds): a jump of the wall clock loses nobody."""

    heartbeat: Heartbeat | None
    heard_at: float
    checked: bool = False
    forgiven: bool = False
    """`heard_at` is when we began to hear again, not when it spoke."""


class Silence:
    """`clock`: seconds, monotonic."""

    def __init__(self, context: Context, clock: Callable[[], float]) -> None:
        self.context, self._clock = context, clock
        self.beats: dict[str, Beat] = {}
        self._unlisted: dict[tuple[Ref, int], float] = {}
        self._ticked_at = clock()

    def heard(self, node_id: str, heartbeat: Heartbeat) -> None:
        """Only noted: what it says is looked at in the next tick."""
        self.beats[node_id] = Beat(heartbeat, self._clock())

    def forgive(self) -> None:
        """We could not hear: whoever was silent meanwhile has a whole lease to be heard again."""
        for beat in self.beats.values():
            beat.heard_at, beat.forgiven = self._clock(), True
        self._ticked_at = self._clock()

    async def tick(self) -> None:
        """One look at everybody. Raises Unavailable."""
        if self._clock() - self._ticked_at > TICK_SECONDS_MAX:
            logger.warning("the watch itself stood still for %.0f s", self._clock() - self._ticked_at)
            self.forgive()
        self._ticked_at = self._clock()
        for node_id, beat in list(self.beats.items()):
            if beat.heartbeat is not None and not beat.checked:
                beat.checked = True
                for account, execution, attempt in beat.heartbeat.attempts:
                    await self._check_held(node_id, Ref(account, "execution", execution), attempt)
        await self._lose_silent()
        for node_id, held in (await self.context.queries.leased_executions()).items():
            await self._check_leased(node_id, [Ref(account, "execution", id) for account, id in held])
        await self._welcome_back()

    def _silent_seconds(self, node_id: str) -> float:
        """How long nothing was heard; of a node that was never heard of, since it was first asked for."""
        return self._clock() - self.beats.setdefault(node_id, Beat(None, self._clock())).heard_at

    def _is_silent(self, node_id: str) -> bool:
        return self._silent_seconds(node_id) > self.context.settings.lease_seconds + SILENCE_MARGIN_SECONDS

    async def _check_held(self, node_id: str, ref: Ref, attempt: int) -> None:
        """An attempt that a node works on without holding its lease is stopped (F2, F4)."""
        try:
            state: Execution = await self.context.state(ref)
            if state.held_by(node_id, attempt):
                return
            state, _ = await self.context.load(ref)
            if not state.held_by(node_id, attempt) and not (state.phase == "finished" and state.attempt == attempt):
                await self.context.publish_work(node_id, CancelWork(ref.account, ref.id, attempt, cause="stale"))
        except HistoryLost:
            raise
        except (RgridError, ValueError) as error:
            logger.warning("%s names %.80s, which cannot be looked at: %s", node_id, ref.id, error)

    async def _lose_silent(self) -> None:
        for node_id, joined in (await self.context.queries.nodes_joined()).items():
            if self._is_silent(node_id):
                lose = LoseNode(joined.incarnation, round(self._silent_seconds(node_id), 1))
                await send(self.context, Ref("grid", "node", node_id), lose)

    async def _check_leased(self, node_id: str, refs: Sequence[Ref]) -> None:
        """Everything a silent node holds is lost; so is what a node in good health does not know of."""
        if self._is_silent(node_id):
            reason = Reason("NODE_LOST", f"Nothing was heard of {node_id} for {self._silent_seconds(node_id):.0f} s.")
            for ref in refs:
                await self._lose(node_id, ref, reason)
            return
        heartbeat = self.beats[node_id].heartbeat
        if heartbeat is not None:
            named = {(account, execution) for account, execution, _ in heartbeat.attempts}
            await self._check_unlisted(node_id, [ref for ref in refs if (ref.account, ref.id) not in named])

    async def _check_unlisted(self, node_id: str, refs: Sequence[Ref]) -> None:
        now = self._clock()
        known = self._unlisted
        self._unlisted = {key: since for key, since in known.items() if now - since < 10 * UNLISTED_SECONDS}
        for ref in refs:
            state: Execution = await self.context.state(ref)
            key = (ref, state.attempt)
            since = self._unlisted.setdefault(key, known.get(key, now))
            if now - since < UNLISTED_SECONDS or await self.context.reports_pending("service-foreman"):
                continue
            reason = Reason("WORK_LOST", f"{node_id} is in good health but does not know of this attempt.")
            await self._lose(node_id, ref, reason)
            del self._unlisted[key]

    async def _lose(self, node_id: str, ref: Ref, reason: Reason) -> None:
        try:
            state, _ = await self.context.load(ref)
        except HistoryLost:
            raise
        except RgridError as error:
            logger.warning("%s cannot be given up: %s", ref.id, error)
            return
        if state.leased and state.node_id == node_id:
            await send(self.context, ref, LoseExecution(state.attempt, reason, self.context.now_us()))

    async def _welcome_back(self) -> None:
        """A node that was given up and is heard of again joins again."""
        for node_id, last in (await self.context.queries.nodes_lost()).items():
            beat = self.beats.get(node_id)
            if beat is None or beat.heartbeat is None or beat.forgiven:
                continue
            lately = self._clock() - beat.heard_at <= self.context.settings.lease_seconds
            if lately and beat.heartbeat.incarnation == last.incarnation:
                await send(self.context, Ref("grid", "node", node_id), JoinNode(last.incarnation, last.offer))
