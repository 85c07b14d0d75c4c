"""Follow an execution to its end: live log to stdout and stderr, states in words, Ctrl-C, downloads, the exit code."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from ..errors import EXIT_CANCELLED, CliError
from ..wire.follow import Follower, Sink, check_complete
from ..wire.interrupt import SECOND_WITHIN_SECONDS, Interrupts
from ..wire.transport import Api, query_string, segment
from .formats import between, duration
from .outcome import ENDED, closing, exit_code, next_after, with_id
from .passing import passed
from .screen import clean, detail, interactive, state, tell
from .waiting import Waiting

COST_SECONDS_MAX = 2.0
UNBOXED = "the script can read and change what the grid's user can, and has network; rgrid doctor says why"


class Watch:
    """One person looking at one execution. `reading`: only the log matters (logs -f): no
    words about states, and Ctrl-C ends the reading, not the execution."""

    def __init__(
        self, api: Api, execution: str, interrupts: Interrupts, *, stdout: Any = None, reading: bool = False
    ) -> None:
        self.api, self.execution, self.interrupts, self.quiet = api, execution, interrupts, reading
        self.out = stdout or sys.stdout.buffer
        self.err = sys.stderr.buffer
        self.last = ""
        self.back = f"rgrid attach {execution}"
        self.attempts: set[int] = set()
        self.running: set[int | None] = set()
        self.assigned: dict[str, Any] = {}
        self.cancelling = self.warned = False
        self.waiting = Waiting()

    def sink(self) -> Sink:
        return Sink(self.on_chunk, self.on_state, self.on_attempt)

    def on_chunk(self, head: dict[str, Any], data: memoryview) -> None:
        """The script's bytes as they are; our own notices to stderr."""
        if head["stream"] == "rgrid":
            notice = bytes(data).decode("utf-8", "replace").strip()
            if self.waiting.heard(notice, time.time() - head.get("at_us", 0) / 1e6):
                tell(f"! {clean(notice)}")
            return
        self.waiting.stop()
        if not self.quiet and self.assigned.get("attempt") == head["attempt"]:
            self.say_running(self.assigned)  # whoever speaks runs; the event that says so comes a moment later
        passed(data, self.out if head["stream"] == "stdout" else self.err)

    def on_state(self, word: dict[str, Any]) -> None:
        """A line per change of state or of the reason to wait."""
        status, reason = str(word.get("status", "")), word.get("reason") or {}
        if status == "running":
            self.waiting.stop()
        self.assigned = word if status == "provisioning" else {}
        key = f"{status} {reason.get('code', '')} {word.get('attempt') or ''}"
        if self.quiet or key == self.last or status in ENDED or status == "provisioning":
            return
        self.last = key
        if status == "queued" and reason.get("message"):
            state("quiet", "queued", clean(reason["message"]))
            if reason.get("hint"):
                detail("hint", clean(with_id(str(reason["hint"]), {"id": self.execution})))
        elif status == "running" and not word.get("cancelling"):
            self.say_running(word, self.begun(word) if (word.get("attempt") or 1) == 1 else [])

    def say_running(self, word: dict[str, Any], more: list[str] | None = None) -> None:
        """Once for each attempt: where, and what more is known of its beginning."""
        if word.get("attempt") in self.running:
            return
        self.running.add(word.get("attempt"))
        state("busy", "running", " · ".join([f"on {clean(word.get('node_id') or 'a node')}", *(more or [])]))

    def begun(self, word: dict[str, Any]) -> list[str]:
        """How long it waited from submit to start, as the log has it, and whether its packages were there already;
        nothing when the grid is away just now."""
        try:
            query = query_string({"min_seq": word.get("sequence")})
            doc = self.api.call("GET", f"/executions/{segment(self.execution)}{query}", patient=False).json()
        except CliError:
            return []
        self.warn_unboxed(doc)
        waited = between(doc.get("submitted_at"), doc.get("started_at"))
        looked_up = (doc.get("cache") or {}).get("environment") or {}
        known = bool(doc.get("environment")) and looked_up.get("result") == "hit"
        words = [f"waited {duration(waited)}"] if waited is not None else []
        return words + (["environment built before"] if known else [])

    def warn_unboxed(self, doc: dict[str, Any]) -> None:
        """Say once that nothing kept the script from the machine it ran on."""
        nodes = [each.get("node_id") for each in doc.get("attempts") or () if each.get("sandbox") == "process"]
        if nodes and not self.quiet and not self.warned:
            self.warned = True
            tell(f"! no sandbox on {clean(nodes[-1])}: {UNBOXED}")

    def on_attempt(self, word: dict[str, Any]) -> None:
        """The first attempt is no news; a second one is."""
        self.waiting.stop()
        attempt = int(word["attempt"])
        if attempt > 1 and attempt not in self.attempts and not self.quiet:
            where = f" on {clean(word['node_id'])}" if word.get("node_id") else ""
            state("warn", "attempt", f"{attempt}{where} begins; the output above is of the attempt before")
        self.attempts.add(attempt)

    def follow(self, **cursor: Any) -> dict[str, Any] | None:
        """To the end: the document of the ended execution. None: the person detached."""
        follower = Follower(self.api, self.execution, self.sink(), self.interrupts, **cursor)
        while (end := self.followed(follower)) is None:
            if not self.interrupted():
                return None
        doc = self.final(end)
        self.warn_unboxed(doc)
        if doc.get("status") in ("succeeded", "failed", "timed_out"):
            check_complete(follower)
        return doc

    def followed(self, follower: Follower) -> dict[str, Any] | None:
        """The end frame; None: an interrupt came first. Nothing that moves is left on the terminal."""
        try:
            return follower.follow()
        finally:
            self.waiting.stop()

    def interrupted(self) -> bool:
        """What Ctrl-C means: True to go on following (it is being cancelled), False to leave."""
        self.interrupts.take()
        if self.quiet:
            return False
        if self.cancelling:
            tell("! not waiting for the end; the cancel was asked for and will be carried out")
            raise SystemExit(EXIT_CANCELLED)
        if interactive():
            tell("")
            state("quiet", "detached", f"{self.execution} goes on · Ctrl-C again within 3 s cancels it")
            detail("return", self.back)
            detail("cancel", f"rgrid cancel {self.execution}")
            if not self.interrupts.sleep(SECOND_WITHIN_SECONDS):
                return False
            self.interrupts.take()
        self.cancel()
        return True

    def unread(self) -> None:
        """Whoever read our stdout left (`| head -1`): the execution does not end with them."""
        state("quiet", "detached", f"nobody reads stdout any more; {self.execution} goes on")
        detail("return", self.back)
        detail("cancel", f"rgrid cancel {self.execution}")

    def cancel(self) -> None:
        """Ask for the end; it is confirmed by seeing it."""
        self.cancelling = True
        state("warn", "cancelling", f"{self.execution} · it ends when its processes are seen gone")
        self.api.post(f"/executions/{segment(self.execution)}/cancel")

    def final(self, end: dict[str, Any]) -> dict[str, Any]:
        """The ended execution, with its final cost if that comes soon (it is an event of its own).

        When the read models are away the end frame stands for it: the script's exit code does not depend on them.
        """
        deadline = time.monotonic() + COST_SECONDS_MAX
        while True:
            try:
                doc: dict[str, Any] = self.api.get(
                    f"/executions/{segment(self.execution)}", min_seq=end.get("sequence")
                )
            except CliError as away:
                return {**end, "id": self.execution, "lacking": away.message}
            settled = doc.get("status") in ENDED and (doc.get("cost") or {}).get("final_micros") is not None
            if settled or time.monotonic() > deadline:
                return doc
            time.sleep(0.02)


def watched(
    api: Api, execution: str, interrupts: Interrupts, *, as_json: bool = False, arrival: Any = None, back: str = ""
) -> int:
    """Follow, tell the end, let `arrival(doc)` bring the outputs home; the exit code. `back`: what comes back to it."""
    watch = Watch(api, execution, interrupts, stdout=sys.stderr.buffer if as_json else None)
    watch.back = back or watch.back
    try:
        doc = watch.follow()
    except BrokenPipeError:
        watch.unread()
        raise
    except CliError as lacking:
        if lacking.code == "LOG_INCOMPLETE":
            closing(watch.final({}))
        raise
    interrupts.raising = True
    if doc is None:
        return 0
    closing(doc)
    problem = None
    if "lacking" in doc:
        problem = CliError(
            f"It ended, but the grid cannot tell of its outputs: {doc['lacking']}", f"rgrid download {execution}"
        )
    elif arrival is not None:
        try:
            arrival(doc)
        except CliError as failed:
            problem = failed
    if as_json:
        print(json.dumps(doc))
    if problem is not None:
        if not exit_code(doc):
            raise problem
        tell(f"✘ {problem.message}")
    next_after(doc)
    return exit_code(doc)
