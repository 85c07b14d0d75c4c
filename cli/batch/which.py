"""Whether an id that was typed means an execution or a batch, and what the grid knows of it."""

from __future__ import annotations

from typing import Any

from ..errors import UsageProblem
from ..wire.transport import Api, segment

PREFIX = "batch_"
LAST = "@last"


def found(api: Api, word: str) -> dict[str, Any]:
    """The document of the execution or batch that `word` means. `@last` is what was submitted last: a batch, not its
    last member."""
    if word.startswith(PREFIX):
        return dict(api.get(f"/batches/{segment(word)}"))
    if word != LAST:
        return dict(api.get(f"/executions/{segment(word)}"))
    batch = last_batch(api)
    try:
        single = dict(api.get(f"/executions/{segment(word)}"))
    except UsageProblem:
        if not batch:
            raise
        return batch
    if batch and (single.get("batch_id") == batch["id"] or batch["submitted_at"] > single["submitted_at"]):
        return batch
    return single


def last_batch(api: Api) -> dict[str, Any]:
    """The batch that was submitted last; empty when there never was one."""
    try:
        return dict(api.get(f"/batches/{LAST}"))
    except UsageProblem:
        return {}


def is_batch(doc: dict[str, Any]) -> bool:
    return str(doc.get("id", "")).startswith(PREFIX)
