"""Cancel, and see the end of it: a batch, or many executions."""

from __future__ import annotations

import time
from typing import Any

from ..batch.counts import counted, ended_count
from ..errors import Unreachable
from ..options import emit
from ..terminal.formats import count
from ..terminal.outcome import ENDED
from ..terminal.screen import following, state, warn
from ..wire.transport import Api, segment
from .posting import posted, tell_refused
from .selection import ALONE, Selection, pages

OPEN = ("queued", "provisioning", "running")
ROUND_SECONDS = 20
PAUSE_SECONDS = 0.5


def cancel_batch(wire: Api, batch: str, *, wait: bool, as_json: bool) -> dict[str, Any]:
    """Ask for its end and, unless told otherwise, see it; the batch."""
    asked = wire.post(f"/batches/{segment(batch)}/cancel")
    doc: dict[str, Any] = wire.get(f"/batches/{segment(batch)}", min_seq=asked.get("sequence"))
    if wait and doc.get("status") not in ENDED and not as_json:
        state("warn", "cancelling", f"{batch} · {waiting(doc)}")
    doc = ended_batch(wire, doc) if wait else doc
    if as_json:
        emit(doc)
    else:
        tell(doc)
    return doc


def waiting(doc: dict[str, Any]) -> str:
    """How many members have to end yet."""
    running = counted(doc, ("provisioning", "running"))
    return f"{int(doc.get('count') or 0) - ended_count(doc):,} have not ended, {running:,} of them run"


def ended_batch(wire: Api, doc: dict[str, Any]) -> dict[str, Any]:
    """The batch once all its members have ended; a grid that is away is waited for."""
    told = False
    while doc.get("status") not in ENDED:
        try:
            path = f"/batches/{segment(doc['id'])}/wait"
            doc = wire.get(path, after_seq=doc.get("sequence"), timeout_s=ROUND_SECONDS)
            told = False
        except Unreachable as away:
            if not told:
                warn(f"the grid does not answer; still waiting … ({away.message})")
                told = True
            time.sleep(1.0)
    return doc


def tell(doc: dict[str, Any]) -> None:
    """`✘ cancelled   batch_7f3k2m · 1,204 of 2,000 had ended before`"""
    status, total = str(doc.get("status")), int(doc.get("count") or 0)
    cancelled = int((doc.get("counts") or {}).get("cancelled") or 0)
    if status in ENDED and not cancelled:
        state("quiet", status, f"{doc['id']} had ended before the cancel came")
    elif status in ENDED:
        rest = f" · {total - cancelled:,} had ended before" if total > cancelled else ""
        state("stopped", "cancelled", f"{doc['id']} · {cancelled:,} of {count(total, 'run')}{rest}")
    else:
        state("warn", "cancelling", f"{doc['id']} · {waiting(doc)}")


def cancel_selection(
    wire: Api, found: Selection, filters: dict[str, Any], *, wait: bool, as_json: bool, whole: bool
) -> int:
    """All of a selection; the exit code."""
    for batch in found.batches:
        cancel_batch(wire, batch["id"], wait=wait, as_json=as_json)
    outcome = posted(wire, "cancel", found.ids, as_json)
    if wait and outcome.done:
        seen_dead(wire, set(outcome.done), {**filters, **({"batch": ALONE} if whole else {})})
    if not as_json:
        if outcome.done:
            word = "cancelled" if wait else "cancelling"
            state("stopped" if wait else "warn", word, count(len(outcome.done), "execution"))
        tell_refused(outcome)
        following("rgrid ps --status cancelled")
    return outcome.exit_code


def seen_dead(wire: Api, ids: set[str], query: dict[str, Any]) -> None:
    """Wait until none of `ids` is open any more."""
    while ids & {item["id"] for item in pages(wire, "/executions", {**query, "status": OPEN})}:
        time.sleep(PAUSE_SECONDS)
