"""How a batch ended: counts, cost, what failed and why with one example each, where the results are, what to type."""

from __future__ import annotations

from typing import Any

from ..errors import EXIT_CANCELLED
from ..terminal.formats import REFERENCE, about, duration, money
from ..terminal.outcome import with_id
from ..terminal.screen import clean, detail, following, state
from . import words
from .counts import ended_count, failed_count

MEANING = {"succeeded": "good", "failed": "bad", "cancelled": "stopped"}


def exit_code(doc: dict[str, Any]) -> int:
    """0 all succeeded, 1 any failed, 130 cancelled."""
    status = doc.get("status")
    return 0 if status == "succeeded" else EXIT_CANCELLED if status == "cancelled" else 1


def closing(doc: dict[str, Any]) -> None:
    """`✔ succeeded   2,000 of 2,000 · 1m 12s · cpu 3m 01s · €0.001200`"""
    status, total, done = str(doc.get("status")), int(doc.get("count") or 0), ended_count(doc)
    whole = f"all {total:,}" if status == "succeeded" and total > 1 else words.states_text(doc)
    cpu = (doc.get("usage") or {}).get("cpu_ms")
    figures = [whole, words.took(doc), f"cpu {duration(cpu / 1000)}" if cpu else ""]
    figures.append(f"{int(doc['reused']):,} reused" if doc.get("reused") else "")
    if done < total and status in MEANING:
        figures.append(f"{total - done:,} never started")
    state(MEANING.get(status, "busy"), status, " · ".join(each for each in figures if each))
    if cost := price(doc):
        detail("cost", cost)
    reason = words.why(doc)
    for word, key in (("reason", "message"), ("hint", "hint")):
        if reason.get(key) and status != "succeeded":
            detail(word, clean(with_id(str(reason[key]), doc)))


def price(doc: dict[str, Any]) -> str:
    """What all of it cost; on machines that cost nothing what it would have cost elsewhere."""
    said = doc.get("cost") or {}
    charged, equivalent = said.get("charged_micros"), said.get("equivalent_micros")
    if charged is None:
        return ""
    elsewhere = f" ({about(equivalent)} on a {REFERENCE})"
    return money(charged) + (elsewhere if equivalent is not None and not charged else "")


def failing(failures: list[dict[str, Any]]) -> None:
    """Why members failed."""
    for word, text in words.causes(failures):
        detail(word, text)


def refused(doc: dict[str, Any]) -> None:
    """How much of what they left could not be an output; the index has it by name."""
    if text := words.refused(doc):
        detail("refused", f"{text} · which: rgrid outputs {doc['id']}")


def next_after(doc: dict[str, Any], home: str = "") -> None:
    """The command that helps most now."""
    if failed_count(doc):
        following(f"rgrid retry {doc['id']} --failed")
    elif home:
        following(f"rgrid cost --batch {doc['id']}")
    else:
        following(
            f"rgrid download {doc['id']}" if (doc.get("outputs") or {}).get("count") else f"rgrid batch {doc['id']}"
        )
