"""What the log says about one execution, folded for its stream: its status, and each attempt with its node and end."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from domain.catalog import EXECUTION, TYPE_NAMES
from domain.cost.events import CostFinalized
from domain.errors import NotFound
from domain.execution import events as e
from projections.execution_doc import iso
from services.runtime.log import EventLog, Recorded, Ref

HEARD_PAUSES_SECONDS = (0.001, 0.002, 0.004, 0.008, 0.016, 0.03, 0.06, 0.12)
"""A commit is heard of while it is being stored; so long it is looked for. One that was refused never shows up."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt, as far as its log is concerned. `log` counts once it is `closed`; `lost`: the counts may be too low."""

    number: int
    node_id: str
    closed: bool = False
    lost: bool = False
    log: e.LogSummary = field(default_factory=e.LogSummary)


class Story:
    """Reads the history of one execution again and again; never the read model, which may lag."""

    def __init__(self, log: EventLog, account: str, execution: str, *, until: int | None = None) -> None:
        """`until`: what happened behind that position is left out."""
        self._log = log
        self._until = until
        self._refs = {name: Ref(account, name, execution) for name in ("execution", "cost")}
        self._positions = {"execution": 0, "cost": 0}
        self.state = EXECUTION.initial
        self.attempts: dict[int, Attempt] = {}
        self.finished: e.ExecutionFinished | None = None
        self.position = 0

    @property
    def reused_from(self) -> str:
        """The execution that served for this one; empty: it ran, or is to."""
        return self.finished.reused_from if self.finished else ""

    async def begin(self) -> dict[str, Any]:
        """Read what is there; the frame says how it stands. Raises NotFound, Unavailable."""
        frames = await self._read("execution")
        if not frames:
            raise NotFound("There is no such execution.")
        return frames[-1]

    async def news(self, heard: Mapping[str, Iterable[str]]) -> list[dict[str, Any]]:
        """State frames of what happened since, when commits with the ids in `heard` are being stored."""
        frames: list[dict[str, Any]] = []
        for name, command_ids in heard.items():
            frames += await self._read_until(name, set(command_ids))
        return frames

    async def _read_until(self, name: str, command_ids: set[str]) -> list[dict[str, Any]]:
        frames: list[dict[str, Any]] = []
        for pause in (*HEARD_PAUSES_SECONDS, None):
            frames += await self._read(name, command_ids)
            if not command_ids or pause is None:
                break
            await asyncio.sleep(pause)
        return frames

    async def _read(self, name: str, wanted: set[str] | None = None) -> list[dict[str, Any]]:
        history = await self._log.load(self._refs[name])
        frames = []
        for recorded in history.commits:
            if wanted is not None:
                wanted.discard(recorded.commit.command_id)
            if self._until is not None and recorded.position > self._until:
                break
            if recorded.position > self._positions[name]:
                frames += self._apply(recorded)
        self._positions[name] = max(self._positions[name], history.position)
        return frames

    def _apply(self, recorded: Recorded) -> list[dict[str, Any]]:
        self.position = max(self.position, recorded.position)
        frames = []
        for event in recorded.commit.events:
            if isinstance(event, e.ExecutionEvent):
                self.state = EXECUTION.evolve(self.state, event)
                self._note(event)
            frames.append(self._frame(event, recorded))
        return frames

    def _note(self, event: e.ExecutionEvent) -> None:
        match event:
            case e.ExecutionAssigned():
                self.attempts[event.attempt] = Attempt(event.attempt, event.node_id)
            case e.ExecutionAttemptFailed():
                self._close(event.attempt, event.result)
            case e.ExecutionFinished():
                self._close(event.attempt, event.result)
                self.finished = event
            case e.ExecutionRetried():
                self.finished = None

    def _close(self, number: int, result: e.AttemptResult) -> None:
        attempt = self.attempts.get(number)
        if attempt is not None and not attempt.closed:
            self.attempts[number] = replace(attempt, closed=True, lost=result.status == "lost", log=result.log)

    def _frame(self, event: Any, recorded: Recorded) -> dict[str, Any]:
        state = self.state
        frame: dict[str, Any] = {
            "type": "state",
            "status": state.shown_status,
            "event": TYPE_NAMES[type(event)],
            "at": iso(recorded.commit.at_us),
            "sequence": recorded.position,
            "attempt": state.attempt,
            "node_id": state.node_id or None,
            "cancelling": state.cancelling,
            "reason": _plain(_reason(state, event)),
        }
        if isinstance(event, e.ExecutionCached):
            frame["cache"] = {level: _plain(getattr(event, level)) for level in ("script", "environment", "inputs")}
            frame["memo"] = _plain(event.memo)
        if isinstance(event, CostFinalized):
            frame["cost"] = {"final_micros": event.total_micros, "equivalent_micros": event.equivalent_total_micros}
        return frame

    def end(self) -> dict[str, Any]:
        """The last frame. Only once it is finished."""
        assert self.finished is not None
        result = self.finished.result
        return {
            "type": "end",
            "status": result.status,
            "attempt": self.finished.attempt,
            "exit_code": result.exit_code,
            "signal": result.signal,
            "reason": _plain(result.reason),
            "log": _plain(result.log),
            "reused_from": self.finished.reused_from or None,
            "sequence": self._positions["execution"],
        }


def _reason(state: Any, event: Any) -> e.Reason | None:
    result = getattr(event, "result", None)
    return result.reason if result is not None else state.delay


def _plain(value: Any) -> dict[str, Any] | None:
    """A flat dataclass as a dict."""
    return None if value is None else {name: getattr(value, name) for name in value.__dataclass_fields__}
