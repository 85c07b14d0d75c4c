"""The batch as it stands, kept fresh by one request that the grid answers when something changed."""

from __future__ import annotations

import threading
import time
from typing import Any

from ..errors import CliError
from ..terminal.outcome import ENDED
from ..wire.reply import Reply
from ..wire.transport import Api, query_string, segment
from .counts import failed_count
from .outage import PAUSE_SECONDS, Outage, passing

ROUND_SECONDS = 25.0
CAUSES_SECONDS_MIN = 2.0
"""Between two looks at why members fail: the grid adds them up anew each time."""


class Feed(threading.Thread):
    """`doc` is the newest document of the batch, `news` is set with every one. `problem`: why it ended before its end.

    A thread, because the grid keeps the request until there is news, and a person's Ctrl-C cannot wait for that.
    """

    def __init__(self, api: Api, doc: dict[str, Any], outage: Outage) -> None:
        super().__init__(name="rgrid-batch-feed", daemon=True)
        self.api, self.doc, self.outage = api, doc, outage
        self.news, self.leaving = threading.Event(), threading.Event()
        self.failures: list[dict[str, Any]] = []
        self.failed, self.looked = 0, 0.0
        self.problem: Exception | None = None
        self.ended = doc.get("status") in ENDED

    def run(self) -> None:
        try:
            self.look_at_failures()
            while not self.ended and not self.leaving.is_set():
                self.ask()
                self.look_at_failures()
            while self.failed != failed_count(self.doc) and not self.leaving.is_set():
                self.look_at_failures()
        except Exception as failed:
            self.problem = failed
        self.news.set()

    def ask(self) -> None:
        """One round; what may pass by itself is waited for."""
        query = query_string({"after_seq": self.doc.get("sequence"), "timeout_s": f"{ROUND_SECONDS:.0f}"})
        begun = time.monotonic()
        reply = self.answer(f"wait{query}")
        if reply is None:
            return
        doc = reply.json()
        same = doc.get("sequence") == self.doc.get("sequence")
        self.doc = doc
        ended = str(reply.headers.get("X-Ended", "")).lower() == "true" or doc.get("status") in ENDED
        self.ended = ended
        self.news.set()
        if same and not ended and time.monotonic() - begun < PAUSE_SECONDS:
            self.leaving.wait(PAUSE_SECONDS)  # an answer without news at once: never ask in a busy loop

    def look_at_failures(self) -> None:
        """Ask for the causes when there are more failures than before: not often, and once more after the end."""
        failed = failed_count(self.doc)
        if failed == self.failed or (not self.ended and time.monotonic() - self.looked < CAUSES_SECONDS_MIN):
            return
        reply = self.answer("failures")
        if reply is not None:
            self.failures, self.failed, self.looked = reply.json()["items"], failed, time.monotonic()
            self.news.set()

    def answer(self, what: str) -> Reply | None:
        """One exchange about the batch; None when the grid was away, after a pause. Raises CliError on a refusal."""
        try:
            reply = self.api.call("GET", f"/batches/{segment(self.doc['id'])}/{what}")
        except CliError as failed:
            if not (cause := passing(failed)):
                raise
            self.outage.met(cause)
            self.leaving.wait(PAUSE_SECONDS)
            return None
        self.outage.over()
        return reply

    def leave(self) -> None:
        self.leaving.set()
