"""A batch in words: how far it is, how fast, what it costs and what failed; as spans that a narrow terminal can cut."""

from __future__ import annotations

from typing import Any

from ..terminal.formats import REFERENCE, about, between, count, duration, money, size
from ..terminal.live import Line
from ..terminal.screen import clean
from ..terminal.table import cut
from .counts import ended_count, failed_count
from .pace import Pace

STATES = ("succeeded", "failed", "timed_out", "lost", "cancelled", "running", "provisioning", "queued")
MEANING = {"succeeded": "good", "failed": "bad", "timed_out": "bad", "lost": "bad", "cancelled": "stopped"}
MEANING |= {"running": "busy", "provisioning": "busy"}
SHOWN = {"timed_out": "timed out", "provisioning": "starting"}
BAR_MAX = 60
CAUSES = 10
LAST_LINE_COLUMNS = 160


def states(doc: dict[str, Any]) -> Line:
    """`970 succeeded · 30 failed · 2 running · 998 queued`; what is zero is left out."""
    spans: list[tuple[str, str]] = []
    for status in STATES:
        if number := int((doc.get("counts") or {}).get(status) or 0):
            spans += [(" · ", "quiet")] if spans else []
            spans.append((f"{number:,} {SHOWN.get(status, status)}", MEANING.get(status, "")))
    return spans or [("none started yet", "")]


def states_text(doc: dict[str, Any]) -> str:
    return "".join(text for text, _ in states(doc))


def share(doc: dict[str, Any]) -> float:
    """How much of it has ended, from 0 to 1."""
    return ended_count(doc) / max(1, int(doc.get("count") or 0))


def bar(doc: dict[str, Any], columns: int) -> Line:
    """`━━━━━━───  1,000 of 2,000 · 50 %`, what failed in its own colour."""
    total, done, bad = int(doc.get("count") or 0), ended_count(doc), failed_count(doc)
    figures = f"  {done:,} of {total:,} · {100 * done // max(1, total)} %"
    length = max(4, min(BAR_MAX, columns - 3 - len(figures)))
    full = length * done // max(1, total)
    red = min(full, -(-length * bad // max(1, total))) if bad else 0
    return [
        ("  ", ""),
        ("━" * red, "bad"),
        ("━" * (full - red), "good"),
        ("─" * (length - full), "quiet"),
        (figures, ""),
    ]


def rate(per_second: float) -> str:
    """`41.2/s`, or by the minute or hour where that reads better."""
    if not per_second:
        return ""
    if per_second >= 1:
        return f"{per_second:.1f}/s" if per_second < 100 else f"{per_second:,.0f}/s"
    return f"{per_second * 60:.1f}/min" if per_second * 60 >= 1 else f"{per_second * 3600:.1f}/h"


def time_left(pace: Pace, now: float, doc: dict[str, Any]) -> str:
    """`1m 32s left (1m 10s to 2m 01s)`; nothing where nobody can know yet."""
    remaining = int(doc.get("count") or 0) - ended_count(doc)
    found = pace.left(now, remaining) if remaining > 0 else None
    if found is None:
        return ""
    low, likely, high = (coarse(each) for each in found)
    return f"{likely} left" + (f" ({low} to {high})" if low != high else "")


def coarse(seconds: float) -> str:
    """A time to come, no finer than it can be known."""
    return duration(float(round(seconds))) if seconds >= 60 else f"{max(1, round(seconds))} s"


def cost(doc: dict[str, Any]) -> str:
    """`€0.012 so far · about €0.020 in all`; on machines that cost nothing what they would cost elsewhere."""
    said = doc.get("cost") or {}
    charged, equivalent = said.get("charged_micros"), said.get("equivalent_micros")
    done, total = ended_count(doc), int(doc.get("count") or 0)
    reused = int(doc.get("reused") or 0)
    if charged is None and said.get("estimated_micros") is None:
        return ""
    text = f"{money(charged or 0)} so far"
    if done and charged:
        return f"{text} · {about(charged * total // done)} in all"
    if said.get("estimated_micros"):
        return f"{text} · estimated {money(said['estimated_micros'])} in all"
    if not equivalent or done <= reused:
        return text  # as with the time that is left, nobody can know before one of them has run
    return f"{text} · {about(equivalent * (total - reused) // (done - reused))} in all on a {REFERENCE}"


def cause(group: dict[str, Any]) -> str:
    """`exit 1: ValueError: bad row`: why members failed."""
    code, exit_code = str(group.get("code") or ""), group.get("exit_code")
    last = cut(clean(group.get("error_line") or "").strip(), LAST_LINE_COLUMNS)
    known = f"exit {exit_code}" if exit_code is not None else code.replace("_", " ").lower() or "failed"
    if code and exit_code is not None and code not in ("EXIT_CODE", "EXITED", "SCRIPT_FAILED", "NONZERO_EXIT"):
        known = f"{code.replace('_', ' ').lower()} ({known})"
    return f"{known}: {last}" if last else known


def causes(failures: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """`40 ×   exit 1: ValueError: bad row`, and below it how to look at one of them; a word and a text each."""
    found: list[tuple[str, str]] = []
    for group in failures[:CAUSES]:
        example = group.get("example") or {}
        found.append((f"{int(group.get('count') or 0):,} ×", cause(group)))
        found.append(("", f"for one {clean(example.get('member'))}: rgrid logs {clean(example.get('id'))}"))
    more = len(failures) - CAUSES
    return [*found, ("", f"and {count(more, 'cause')} more")] if more > 0 else found


def why(doc: dict[str, Any]) -> dict[str, Any]:
    """The reason why it was stopped, waits, or ended as it did; empty when there is none to tell."""
    if (doc.get("waits") or {}).get("code") == "BATCH_PARALLEL":
        return doc.get("stopped") or doc.get("reason") or {}  # as it was asked for: no news
    return doc.get("stopped") or doc.get("reason") or doc.get("waits") or {}


def took(doc: dict[str, Any]) -> str:
    """How long the batch took, by the grid's clock."""
    if doc.get("duration_ms") is not None:
        return duration(doc["duration_ms"] / 1000)
    seconds = between(doc.get("submitted_at"), doc.get("finished_at"))
    return duration(seconds) if seconds is not None else ""


def at_home(members: int, files: int, size_bytes: int) -> str:
    """`1,940 members, 1,940 files, 12 MB`"""
    return f"{count(members, 'member')}, {count(files, 'file')}, {size(size_bytes)}"


def refused(doc: dict[str, Any]) -> str:
    """`3 outputs that are no file to bring home`: links, sockets and the like that members left; empty when none did."""
    number = int((doc.get("outputs") or {}).get("refused") or 0)
    return f"{count(number, 'output')} that {'is' if number == 1 else 'are'} no file to bring home" if number else ""


def title(doc: dict[str, Any]) -> str:
    """`batch_7f3k2m · process.py · 2,000 inputs · 20 at once`"""
    words = [str(doc["id"]), clean((doc.get("script") or {}).get("path") or "")]
    words += [clean(doc["name"])] if doc.get("name") else []
    words.append(count(int(doc.get("count") or 0), "input"))
    words += [f"{int(doc['parallel']):,} at once"] if doc.get("parallel") else []
    words += [f"{int(doc['reused']):,} reused"] if doc.get("reused") else []
    return " · ".join(word for word in words if word)
