"""How an execution ended: the exit code rgrid answers, and the closing lines a person reads."""

from __future__ import annotations

import shutil
from typing import Any

from ..errors import EXIT_CANCELLED, EXIT_PLATFORM, EXIT_TIMED_OUT
from .formats import REFERENCE, about, between, clock, duration, money, size
from .screen import COLUMN, clean, detail, following, interactive, state
from .table import width_of

FAILURES = ("failed", "timed_out", "lost")
ENDED = (*FAILURES, "cancelled", "succeeded")
"""How an execution can have ended; a batch ends as one of them, too."""
WORDS = {"timed_out": "timed out"}
MEANING = {
    "succeeded": "good",
    "failed": "bad",
    "timed_out": "bad",
    "lost": "bad",
    "cancelled": "stopped",
    "queued": "quiet",
}


def exit_code(doc: dict[str, Any]) -> int:
    """The script's own code, or what stands for how it ended (124, 125, 130; 128 + signal)."""
    status = doc.get("status")
    if status == "succeeded":
        return 0
    if status == "timed_out":
        return EXIT_TIMED_OUT
    if status == "cancelled":
        return EXIT_CANCELLED
    if status == "failed":
        if doc.get("exit_code") is not None and doc["exit_code"] >= 0:
            return int(doc["exit_code"]) or EXIT_PLATFORM
        number = -doc["exit_code"] if doc.get("exit_code") else signal_of(doc)
        return 128 + number if number else EXIT_PLATFORM
    return EXIT_PLATFORM


def signal_of(doc: dict[str, Any]) -> int:
    """The signal that ended the last attempt; 0 when none did."""
    attempts = doc.get("attempts") or [{}]
    return int(doc.get("signal") or attempts[-1].get("signal") or 0)


def seconds_of(doc: dict[str, Any]) -> float | None:
    """How long the last attempt ran, in seconds."""
    if doc.get("duration_ms") is not None:
        return float(doc["duration_ms"]) / 1000
    return between(doc.get("started_at"), doc.get("finished_at"))


def figures(doc: dict[str, Any]) -> str:
    """`0.42 s · cpu 0.39 s · peak 31 MB · €0.000000 (about €0.000001 on a cx23)`, as far as known."""
    usage, seconds = doc.get("usage") or {}, seconds_of(doc)
    parts = [duration(seconds)] if seconds is not None else []
    if usage.get("cpu_ms") is not None and doc.get("started_at"):
        parts.append(f"cpu {duration(usage['cpu_ms'] / 1000)}")
    if usage.get("memory_peak_bytes"):
        parts.append(f"peak {size(usage['memory_peak_bytes'])}")
    parts.append(cost_words(doc.get("cost") or {}))
    return " · ".join(part for part in parts if part)


def cost_words(cost: dict[str, Any]) -> str:
    """What it cost; an estimate is called one. What the same would have cost elsewhere, when that is known."""
    final = cost.get("final_micros")
    known = final if final is not None else cost.get("estimated_micros")
    if known is None:
        return ""
    text = money(known) if final is not None else f"estimated {money(known)}"
    if final is not None and cost.get("estimated_micros"):
        text += f" (estimated {money(cost['estimated_micros'])})"
    equivalent = cost.get("equivalent_micros")
    if equivalent is not None and not known:
        text += f" ({about(equivalent)} on a {REFERENCE})"
    return text


def closing(doc: dict[str, Any]) -> None:
    """`✔ succeeded …` or `✘ failed …` with the reason and what to do."""
    status = str(doc.get("status"))
    reason = doc.get("reason") or {}
    attempts = int(doc.get("attempt") or 0)
    text = (f"attempt {attempts} · " if attempts > 1 else "") + figures(doc)
    if doc.get("reused_from"):
        text = f"reused {clean(doc['reused_from'])} · {money(0)}"
    cost = cost_words(doc.get("cost") or {})
    if cost and interactive() and COLUMN + 3 + width_of(text) > shutil.get_terminal_size().columns:
        text = text.removesuffix(cost).removesuffix(" · ")  # a line of its own is easier to read than a broken one
        state(MEANING.get(status, "busy"), WORDS.get(status, status), text)
        detail("cost", cost)
    else:
        state(MEANING.get(status, "busy"), WORDS.get(status, status), text)
    if status != "succeeded":
        for word, key in (("reason", "message"), ("hint", "hint")):
            if reason.get(key):
                detail(word, clean(with_id(str(reason[key]), doc)))
    log = doc.get("log") or {}
    if log.get("dropped_lines") or log.get("dropped_bytes"):
        detail(
            "log",
            f"{log.get('dropped_lines', 0):,} lines ({size(log.get('dropped_bytes', 0))}) beyond the limit were dropped",
        )
    for text in refused(doc):
        detail("refused", text)


def refused(doc: dict[str, Any]) -> list[str]:
    """What it left that is no output, `link: a link` each, and how many more."""
    named = doc.get("outputs_refused") or []
    more = int(doc.get("outputs_refused_count") or 0) - len(named)
    told = [f"{clean(each.get('path'))}: {clean(each.get('reason'))}" for each in named]
    return [*told, f"and {more:,} more"] if more > 0 else told


def with_id(hint: str, doc: dict[str, Any]) -> str:
    """A hint's `rgrid logs ID` as it can be typed."""
    return hint.replace(" ID", f" {doc['id']}")


def next_after(doc: dict[str, Any]) -> None:
    """The command that helps most now."""
    verb = "events" if doc.get("status") == "succeeded" else "why"
    following(f"rgrid {verb} {doc['id']}")


def kept_words(doc: dict[str, Any]) -> str:
    """Until when its files and log are there; nothing where there are none, or where that is not known yet."""
    there = (doc.get("outputs") or {}).get("count") or (doc.get("log") or {}).get("lines")
    if not there or not doc.get("kept_until"):
        return ""
    day = clock(str(doc["kept_until"])).split()[0]
    return f"files and log are gone since {day}" if doc.get("artifacts_expired") else f"files and log until {day}"
