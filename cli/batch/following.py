"""One person before one batch, until it has ended or they leave: what is shown, what Ctrl-C means, how it is summed up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..errors import EXIT_CANCELLED, CliError
from ..options import emit
from ..terminal.formats import moment
from ..terminal.screen import detail, interactive, state, tell
from ..wire.interrupt import SECOND_WITHIN_SECONDS, Interrupts
from ..wire.transport import Api, segment
from .bring import Bringing
from .counts import ended_count
from .display import View, display
from .feed import Feed
from .summary import closing, exit_code, failing, next_after, refused

TICK_SECONDS = 0.25
"""The display changes four times a second at most, and an interrupt is noticed as fast."""
LAST_TICK_SECONDS = 0.05
"""After the end of the batch somebody waits for us only."""
REDRAW_SECONDS = 1.0


class Following:
    """One person looking at one batch. `reading`: Ctrl-C ends the looking and nothing else (`rgrid batch ID`)."""

    def __init__(
        self, api: Api, feed: Feed, interrupts: Interrupts, bringing: Bringing | None, *, reading: bool = False
    ) -> None:
        self.api, self.feed, self.interrupts, self.bringing, self.reading = api, feed, interrupts, bringing, reading
        self.batch = str(feed.doc["id"])
        self.view = View(feed.doc, begun=begun_at(feed.doc))
        self.cancelling = False
        self.shown = 0.0
        self.closed = False
        self.back = f"rgrid attach {self.batch}"
        """What comes back to it."""
        self.beside: Callable[[dict[str, Any]], None] | None = None

    def to_the_end(self, *, watch: bool, as_json: bool = False) -> int:
        """The exit code of the batch; 0 when the person leaves before its end."""
        self.feed.start()
        screen = display(whole=watch)
        try:
            while not self.over():
                news = self.feed.news.wait(TICK_SECONDS if not self.feed.ended else LAST_TICK_SECONDS)
                self.feed.news.clear()
                if self.interrupts.pending and not self.interrupted():
                    return self.left()
                self.look(news)
                if news or time.monotonic() - self.shown >= REDRAW_SECONDS:
                    screen.show(self.view)
                    self.shown = time.monotonic()
        finally:
            screen.close()
        return self.told(as_json)

    def over(self) -> bool:
        """Whether the batch has ended, its failures are known and its results are at home."""
        if self.feed.problem:
            raise self.feed.problem
        return not self.feed.is_alive() and self.feed.ended and (self.bringing is None or self.bringing.done())

    def look(self, news: bool) -> None:
        """Take over what is new."""
        view, doc = self.view, self.feed.doc
        if news:
            view.doc, view.failures = doc, self.feed.failures
            view.pace.note(time.monotonic(), ended_count(doc))
        if self.bringing:
            view.home = self.bringing.so_far()
            if news or self.feed.ended:
                self.bringing.wake(ended=self.feed.ended)
            self.bringing.write(doc)

    def interrupted(self) -> bool:
        """What Ctrl-C means: True to go on following (it is being cancelled), False to leave."""
        self.interrupts.take()
        if self.reading:
            return False
        if self.feed.ended:
            detail("left", f"the rest stays on the grid: rgrid download {self.batch}")
            raise SystemExit(EXIT_CANCELLED)
        if self.cancelling:
            tell("! not waiting for the end; the cancel was asked for and will be carried out")
            raise SystemExit(EXIT_CANCELLED)
        if interactive():
            tell("")
            state("quiet", "detached", f"{self.batch} goes on · Ctrl-C again within 3 s cancels it")
            detail("return", self.back)
            detail("cancel", f"rgrid cancel {self.batch}")
            if not self.interrupts.sleep(SECOND_WITHIN_SECONDS):
                return False
            self.interrupts.take()
        self.cancelling = True
        state("warn", "cancelling", f"{self.batch} · it ends when the processes of all its members are seen gone")
        self.api.post(f"/batches/{segment(self.batch)}/cancel")
        return True

    def left(self) -> int:
        """The person goes, the batch stays."""
        if self.bringing and (home := self.bringing.so_far()):
            detail("outputs", f"{home}; the rest with: {self.back}")
        return 0

    def leave(self) -> None:
        """Nothing of ours goes on; the index says how far it came."""
        self.feed.leave()
        if self.bringing:
            self.bringing.leave()
            if not self.closed:
                self.bringing.write(self.feed.doc, last=True)
            self.bringing.release()

    def told(self, as_json: bool) -> int:
        """The summary; the exit code."""
        doc, self.closed = self.final(), True
        closing(doc)
        if self.beside:
            self.beside(doc)
        failing(self.feed.failures)
        problem = None
        if self.bringing:
            self.bringing.write(doc, last=True)
            problem = self.bringing.tell()
        refused(doc)
        if as_json:
            emit(doc)
        code = exit_code(doc)
        if problem and not code:
            raise problem
        if problem:
            tell(f"✘ {problem.message}")
            detail("", problem.hint)
        next_after(doc, self.bringing.so_far() if self.bringing else "")
        return code

    def final(self) -> dict[str, Any]:
        """The batch once more, because costs come after the ends; as it was when the grid is away just now."""
        try:
            self.feed.doc = self.api.get(f"/batches/{segment(self.batch)}", min_seq=self.feed.doc.get("sequence"))
        except CliError:
            pass
        return self.feed.doc


def begun_at(doc: dict[str, Any]) -> float:
    """When the batch was submitted, on our monotonic clock, as far as two machines agree about the time."""
    submitted = moment(doc.get("submitted_at"))
    return time.monotonic() - max(0.0, time.time() - submitted.timestamp() if submitted else 0.0)
