"""Members that have ended, page by page in the order of their ends, handed on as they come."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import CliError
from ..wire.patience import Stopped
from ..wire.transport import Api, segment
from .outage import PAUSE_SECONDS, Outage, passing

PAGE = 200
FINISH_PAUSE_SECONDS = 0.1
COST_SECONDS_MAX = 3.0
"""So long after its end a member's cost (an event of its own) is waited for."""

Take = Callable[[dict[str, Any]], None]


class Results(threading.Thread):
    """Reads on whenever `wake` is set; after `finish` until nothing is left to read. `take` gets every result, one that
    a retry has ended anew once more; `price` one whose cost came late."""

    def __init__(self, api: Api, batch: str, take: Take, price: Take, outage: Outage) -> None:
        super().__init__(name="rgrid-batch-results", daemon=True)
        self.api, self.batch, self.take, self.price, self.outage = api, batch, take, price, outage
        self.wake, self.leaving, self.finish = threading.Event(), threading.Event(), threading.Event()
        self.after = 0
        self.known: dict[int, bool] = {}
        """Positions of ends behind `after` that were handed on already, and whether their cost was."""
        self.unpriced: dict[int, float] = {}
        """Of those without a cost: when they were first seen."""
        self.late = False
        """Costs come much later here (with the bill of a rented machine): they are not waited for."""
        self.problem: Exception | None = None

    def run(self) -> None:
        try:
            while not self.leaving.is_set():
                last = self.finish.is_set()
                self.drain()
                if last and not self.unpriced:
                    return
                self.wake.wait(FINISH_PAUSE_SECONDS if last else None)
                self.wake.clear()
        except Stopped:
            pass
        except Exception as failed:
            self.problem = failed

    def leave(self) -> None:
        self.leaving.set()
        self.wake.set()

    def drain(self) -> None:
        """All that there is now."""
        cursor = self.after
        while not self.leaving.is_set():
            page = self.ask(cursor)
            if page is None:
                continue
            for item in page["items"]:
                self.hand_on(item)
            if not page["items"]:  # a page may be shorter than asked for: an empty one is the end
                break
            cursor = max(cursor, int(page["next_after"]))
        self.settle(cursor)

    def hand_on(self, item: dict[str, Any]) -> None:
        """Once, and its cost when it has come."""
        at, priced = int(item["sequence"]), item.get("cost_micros") is not None
        if at not in self.known:
            self.take(item)
        elif priced and not self.known[at]:
            self.price(item)
        self.known[at] = priced
        if priced:
            self.unpriced.pop(at, None)
        else:
            self.unpriced.setdefault(at, time.monotonic())

    def settle(self, cursor: int) -> None:
        """Go on behind `cursor`, or before the first whose cost may still come."""
        oldest = time.monotonic() - COST_SECONDS_MAX
        self.late = self.late or any(since < oldest for since in self.unpriced.values())
        if self.late:
            self.unpriced.clear()
        self.after = min(cursor, min(self.unpriced) - 1) if self.unpriced else cursor
        self.known = {at: priced for at, priced in self.known.items() if at > self.after}

    def ask(self, after: int) -> dict[str, Any] | None:
        """One page; None when the grid was away."""
        try:
            page: dict[str, Any] = self.api.call(
                "GET", f"/batches/{segment(self.batch)}/results?after={after}&limit={PAGE}"
            ).json()
        except CliError as failed:
            if not (cause := passing(failed)):
                raise
            self.outage.met(cause)
            self.leaving.wait(PAUSE_SECONDS)
            return None
        self.outage.over()
        return page
