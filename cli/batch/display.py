"""Progress for whoever looks: a block redrawn in place, one line in place, or plain lines where no terminal is."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..terminal.live import Line, Live, room
from ..terminal.screen import clean, interactive, state, tell, warn
from ..terminal.table import cut, width_of
from . import words
from .counts import ended_count, failed_count
from .pace import Pace

TENTHS = 10
CAUSES_LIVE = 4
CAUSES_TOLD = 20
INDENT = 14


@dataclass(slots=True)
class View:
    """What there is to see of a batch."""

    doc: dict[str, Any]
    pace: Pace = field(default_factory=Pace)
    failures: list[dict[str, Any]] = field(default_factory=list)
    home: str = ""
    """What is at home so far, in words; empty when nothing comes home."""
    begun: float = field(default_factory=time.monotonic)

    def figures(self) -> str:
        """`41.2/s · 1m 32s left (1m 10s to 2m 01s)`"""
        now = time.monotonic()
        found = [words.rate(self.pace.rate(now)), words.time_left(self.pace, now, self.doc)]
        return " · ".join(each for each in found if each)


class Display(Protocol):
    def show(self, view: View) -> None: ...
    def close(self) -> None: ...


def display(*, whole: bool) -> Display:
    """The one that fits where our words go."""
    if not interactive() or os.environ.get("TERM") == "dumb":
        return Lines()
    return Block() if whole else Single()


class Block:
    """`--watch`: everything, a few lines at the foot of the terminal."""

    def __init__(self) -> None:
        self.live = Live().__enter__()

    def show(self, view: View) -> None:
        self.live.draw(block(view, room()[0]))

    def close(self) -> None:
        self.live.__exit__(None, None, None)


class Single(Block):
    """Without `--watch`: one line."""

    def show(self, view: View) -> None:
        done, total = ended_count(view.doc), int(view.doc.get("count") or 0)
        bad = sum(int(each.get("count") or 0) for each in view.failures) or failed_count(view.doc)
        line: list[tuple[str, str]] = [
            ("● ", "busy"),
            (f"{word(view.doc):<11} ", "busy"),
            (f"{done:,} of {total:,}", ""),
        ]
        line += [(" · ", "quiet"), (f"{bad:,} failed", "bad")] if bad else []
        line += [(f" · {figures}", "quiet")] if (figures := view.figures()) else []
        self.live.draw([line])


class Lines:
    """No terminal: a line when it starts, one per tenth, one per cause of failure; not more, however many members."""

    def __init__(self) -> None:
        self.last = ""
        self.tenth = 0
        self.causes: set[str] = set()

    def show(self, view: View) -> None:
        doc = view.doc
        for group in view.failures:
            self.cause(group)
        now, tenth = word(doc), int(words.share(doc) * TENTHS)
        if now == self.last and tenth <= self.tenth:
            return
        changed, self.last, self.tenth = now != self.last, now, max(tenth, self.tenth)
        if tenth >= TENTHS or (changed and now == "queued" and not doc.get("reason")):
            return
        done, total = ended_count(doc), int(doc.get("count") or 0)
        told = [f"{done:,} of {total:,} ({100 * done // max(1, total)} %)", words.states_text(doc), view.figures()]
        state("warn" if now == "cancelling" else "busy", now, " · ".join(each for each in told if each))

    def cause(self, group: dict[str, Any]) -> None:
        """Once for every cause, as long as they are few."""
        text = words.cause(group)
        known = words.cause({**group, "error_line": group.get("pattern") or group.get("error_line")})
        if known in self.causes or len(self.causes) > CAUSES_TOLD:
            return
        self.causes.add(known)
        if len(self.causes) > CAUSES_TOLD:
            warn("members fail for other causes, too; all of them at the end")
            return
        example = group.get("example") or {}
        tell(f"! failing     {text} · for one {clean(example.get('member'))} · rgrid logs {clean(example.get('id'))}")

    def close(self) -> None:
        return


def word(doc: dict[str, Any]) -> str:
    """What is going on, in a word."""
    if doc.get("cancelling"):
        return "cancelling"
    return "stopping" if doc.get("stopped") else str(doc.get("status"))


def block(view: View, columns: int) -> list[Line]:
    """All lines of the whole display; what matters most first, for a terminal that is low."""
    doc, now = view.doc, time.monotonic()
    busy = "warn" if word(doc) in ("cancelling", "stopping") else "busy"
    lines: list[Line] = [
        [("● ", busy), (f"{word(doc):<11} ", busy), (words.title(doc), "")],
        words.bar(doc, columns),
        [("  ", ""), *words.states(doc)],
    ]
    figures = [view.figures(), f"{words.coarse(now - view.begun)} so far" if now - view.begun >= 1 else ""]
    lines += [[("  ", ""), (text, "")]] if (text := " · ".join(each for each in figures if each)) else []
    reason = words.why(doc)
    for name, text in (
        ("reason", clean(reason.get("message") or "")),
        ("cost", words.cost(doc)),
        ("at home", view.home),
    ):
        lines += [[(f"  {name:<11} ", "quiet"), (text, "")]] if text else []
    return lines + causes(view.failures, columns - INDENT - 1)


def causes(failures: list[dict[str, Any]], columns: int, most: int = CAUSES_LIVE) -> list[Line]:
    """`  21 ×  exit 1: ValueError: bad row · data/a.csv · exec_…`, most first; a long cause leaves room for its example."""
    lines: list[Line] = []
    for group in failures[:most]:
        example = group.get("example") or {}
        number = f"{int(group.get('count') or 0):,} ×"
        member = f" · {clean(example.get('member'))}"
        room = max(columns - width_of(member), columns // 2)
        tail = f"{member} · {clean(example.get('id'))}"
        lines.append([(f"  {number:<11} ", "bad"), (cut(words.cause(group), room), ""), (tail, "quiet")])
    more = len(failures) - most
    return [*lines, [(f"  {'':<11} {more:,} more causes", "quiet")]] if more > 0 else lines
