"""What a run, or a batch of them, will take and cost, as the grid reckons from earlier runs: before, and beside the truth."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from ..errors import CliError
from ..terminal.formats import REFERENCE, duration, money
from ..terminal.screen import clean, detail
from ..wire.blob import Blob
from ..wire.transport import Api

PAGE = 1000
ASKED = ("runtime", "parallel", "limits", "environment", "interpreter", "image")


def estimated(api: Api, body: dict[str, Any], runs: int, blobs: Iterable[Blob] = ()) -> dict[str, Any]:
    """The answer of POST /estimates, `stored` summed over all `blobs`; empty where a grid cannot tell."""
    asked = {name: body[name] for name in ASKED if name in body}
    asked |= {"script": {name: body["script"][name] for name in ("path", "sha256")}, "count": runs}
    left = iter({blob.sha256: blob for blob in blobs}.values())
    found: dict[str, Any] = {}
    stored = {"blobs": 0, "size_bytes": 0}
    while (page := list(islice(left, PAGE))) or not found:
        named = [{"sha256": blob.sha256, "size_bytes": blob.size_bytes} for blob in page]
        try:
            answer = api.post("/estimates", {**asked, "blobs": named})
        except CliError as refused:
            if refused.code in ("NOT_FOUND", "METHOD_NOT_ALLOWED"):  # a grid of an earlier version
                return {}
            raise
        found = found or answer
        stored = {name: stored[name] + int((answer.get("stored") or {}).get(name) or 0) for name in stored}
    return {**found, "stored": stored}


def span(low: Any, high: Any, words: Any) -> str:
    """`3 s – 10 s`; one figure where both are the same to the eye."""
    first, last = words(low), words(high)
    return first if first == last else f"{first} – {last}"


def time_words(estimate: dict[str, Any]) -> str:
    """`3 s – 10 s`: from the start of the first to the end of the last."""
    wall = estimate.get("wall_seconds") or {}
    return span(wall.get("low"), wall.get("high"), duration)


def cost_words(estimate: dict[str, Any]) -> str:
    """`€0.001200 – €0.004000`; on a node that costs nothing, what the same would cost elsewhere."""
    cost, elsewhere = estimate.get("cost_micros") or {}, estimate.get("equivalent_micros") or {}
    text = span(cost.get("low"), cost.get("high"), money)
    if not cost.get("high") and elsewhere.get("high"):
        text += f" (on a {REFERENCE} {span(elsewhere.get('low'), elsewhere.get('high'), money)})"
    return text


def built_words(estimate: dict[str, Any]) -> str:
    """`built before`, or `to be built (about 12 s)`; empty without packages, and where a grid cannot tell."""
    known = estimate.get("environment")
    if not isinstance(known, dict):
        return ""
    if known.get("built"):
        return "built before"
    took = known.get("build_ms")
    return "to be built" + (f" (about {duration(took / 1000)})" if took else "")


def basis_words(estimate: dict[str, Any]) -> str:
    """What it stands on."""
    each = estimate.get("seconds_each") or {}
    return clean(each.get("note") or each.get("basis") or "")


def range_words(estimate: dict[str, Any]) -> str:
    """Time, cost and basis on one line."""
    return " · ".join(part for part in (time_words(estimate), cost_words(estimate), basis_words(estimate)) if part)


def beside_truth(doc: dict[str, Any], estimate: dict[str, Any]) -> None:
    """`estimate    3 s – 10 s · €0.001200 – €0.004000`, below what the batch really took and cost."""
    if doc.get("finished_at") and estimate:
        detail("estimate", f"{time_words(estimate)} · {cost_words(estimate)}")
