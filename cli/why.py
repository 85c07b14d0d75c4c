"""`rgrid why ID`: why it waits, what the caches knew, where the time went."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Any

import click

from .batch.which import found, is_batch
from .options import EXECUTION, api, common, emit, example
from .terminal.formats import count, duration, moment
from .terminal.outcome import with_id
from .terminal.screen import clean, following, paint, show
from .wire.transport import segment

BAR = 30
KEY_CHARS = 12
ID_CHARS = 16


@click.command(epilog=example("rgrid why exec_7f3k2m", "rgrid why @last --json"))
@EXECUTION
@common
def command(execution: str, api_url: str, as_json: bool) -> int:
    """Say why an execution or batch waits or how it ended, what the caches knew, and where its time went."""
    wire = api(api_url)
    doc = found(wire, execution)
    if is_batch(doc):
        from .batch.look import tell

        if as_json:
            emit(doc)
        else:
            tell(wire, doc)
        return 0
    answer = wire.get(f"/executions/{segment(doc['id'])}/why")
    if as_json:
        emit({"id": doc["id"], "status": doc.get("status"), **answer})
        return 0
    heading(doc, answer)
    timeline([phase for phase in answer.get("phases") or [] if isinstance(phase, dict)])
    levels = answer.get("cache") or doc.get("cache") or {"environment": None}
    for level, known in levels.items():
        if isinstance(known, dict):
            show(f"{'cache':<11} {clean(level)} {clean(known.get('result'))}: {clean(known.get('reason'))}")
        if level == "environment":
            runs_in(answer.get("environment") or {})
    memo(answer.get("memo") or {})
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
            show(f"{word:<11} {clean(with_id(str(reason[key]), doc))}")


def timeline(phases: list[dict[str, Any]]) -> None:
    """A bar per phase, in proportion, at its place."""
    spent_all = [spent_ms(phase) for phase in phases]
    total, gone, several = sum(spent_all), 0.0, len({phase.get("attempt") for phase in phases}) > 1
    for phase, spent in zip(phases, spent_all, strict=True):
        start = round(BAR * gone / total) if total else 0
        length = max(1, round(BAR * spent / total)) if total else 1
        bar = " " * min(start, BAR - 1) + "━" * min(length, BAR - min(start, BAR - 1))
        gone += spent
        name = f"{phase.get('name')} (attempt {phase.get('attempt')})" if several else str(phase.get("name"))
        open_end = " so far" if not phase.get("to") else ""
        text = f"{clean(name):<28} {duration(spent / 1000):>8}{open_end}"
        show(f"{text:<38} {paint(bar, 'busy', sys.stdout)}".rstrip())
        if phase.get("ended"):
            show(f"  attempt {phase.get('attempt')} {clean(phase['ended'])}")


def spent_ms(phase: dict[str, Any]) -> float:
    """How long a phase took, or has taken so far."""
    if phase.get("ms") is not None:
        return float(phase["ms"])
    begun = moment(phase.get("from"))
    return max(0.0, (datetime.now(UTC) - begun).total_seconds() * 1000) if begun else 0.0


def runs_in(found: dict[str, Any]) -> None:
    """What it runs in, part by part; nothing for the node's own interpreter alone."""
    if not found:
        return
    lines: list[tuple[str, str]] = []
    if found.get("kind"):
        packages = found.get("packages")
        of = f", {count(packages, 'package')}" if packages is not None else ", its text is not kept any more"
        lines.append(("lock", f"{clean(found.get('lock'))[:KEY_CHARS]} of {clean(found.get('source'))}{of}"))
    lines.append(("interpreter", clean(found.get("interpreter") or "the node's own")))
    lines += [("image", clean(found["image"]))] if found.get("image") else []
    for made in found.get("made") or []:
        image = f", image {clean(made['image'])}" if made.get("image") else ""
        where = ", ".join(clean(node) for node in made.get("nodes") or []) or "no node"
        state = f"on {where}" if made.get("status") == "good" else str(made.get("status"))
        about = f"{clean(made.get('interpreter'))} on {clean(made.get('platform'))}{image}"
        lines.append(("built", f"{clean(made.get('id'))[:ID_CHARS]} for {about} · {state}"))
    for word, text in lines:
        show(f"  {word:<12} {text}")


def memo(found: dict[str, Any]) -> None:
    """Whether an earlier run served, where that was asked for, and what its key is made of."""
    if not found.get("result"):
        return
    show(f"{'memo':<11} {clean(found['result'])}: {clean(found.get('reason'))}")
    show(f"{'key':<11} {clean(found.get('key'))[:KEY_CHARS]}")
    for part, digest in (found.get("parts") or {}).items():
        other = "  differs from the last run" if part in (found.get("differs") or []) else ""
        show(f"  {clean(part):<12} {clean(digest)[:KEY_CHARS]}{other}".rstrip())
