"""`rgrid why ID`: why it waits, what the caches knew, where the time went."""

from __future__ import annotations

import sys
from typing import Any

import click

from .options import EXECUTION, api, common, emit, example
from .terminal.formats import duration
from .terminal.screen import clean, following, paint, show
from .wire.transport import segment

BAR = 30


@click.command(epilog=example("rgrid why exec_7f3k2m", "rgrid why @last --json"))
@EXECUTION
@common
def command(execution: str, api_url: str, as_json: bool) -> int:
    """Say why an execution waits or how it ended, what the caches knew, and where its time went."""
    wire = api(api_url)
    doc = wire.get(f"/executions/{segment(execution)}")
    answer = wire.get(f"/executions/{segment(doc['id'])}/why")
    if as_json:
        emit({"id": doc["id"], "status": doc.get("status"), **answer})
        return 0
    heading(doc, answer)
    timeline([phase for phase in answer.get("phases") or [] if isinstance(phase, dict)])
    for level, found in (answer.get("cache") or doc.get("cache") or {}).items():
        if isinstance(found, dict):
            show(f"{'cache':<11} {clean(level)} {clean(found.get('result'))}: {clean(found.get('reason'))}")
    following(f"rgrid {'events' if doc.get('finished_at') else 'attach'} {doc['id']}")
    return 0


def heading(doc: dict[str, Any], answer: dict[str, Any]) -> None:
    """What it is and the reason."""
    show(f"{doc['id']:<11} {str(doc.get('status')).replace('_', ' ')}")
    waiting = answer.get("waiting")
    reason = waiting if isinstance(waiting, dict) else doc.get("reason") or {}
    if isinstance(waiting, str):
        reason = {"message": waiting}
    for word, key in (("reason", "message"), ("hint", "hint")):
        if reason.get(key):
            show(f"{word:<11} {clean(reason[key])}")


def timeline(phases: list[dict[str, Any]]) -> None:
    """A bar per phase, in proportion, at its place."""
    total = sum(float(phase.get("ms") or 0) for phase in phases)
    gone = 0.0
    for phase in phases:
        spent = float(phase.get("ms") or 0)
        start = round(BAR * gone / total) if total else 0
        length = max(1, round(BAR * spent / total)) if total else 1
        bar = " " * min(start, BAR - 1) + "━" * min(length, BAR - min(start, BAR - 1))
        gone += spent
        note = f"  {clean(phase['note'])}" if phase.get("note") else ""
        open_end = " so far" if not phase.get("to") else ""
        text = f"{clean(phase.get('name')):<24} {duration(spent / 1000):>8}{open_end}"
        show(f"{text:<34} {paint(bar.ljust(BAR), 'busy', sys.stdout)}{note}".rstrip())
