"""What an id means: an execution, or a batch; `@last` is whichever was submitted last."""

from __future__ import annotations

from typing import Any

from ..errors import CliError
from ..wire.transport import Api, segment

LAST = "@last"
PREFIX = "batch"


def batch_meant(wire: Api, text: str) -> str:
    """The id of the batch that `text` means; empty when it means an execution. Raises CliError."""
    if text.startswith(PREFIX):
        return str(wire.get(f"/batches/{segment(text)}")["id"])
    if text != LAST:
        return ""
    batch, execution = last(wire, "batches"), last(wire, "executions")
    if not batch:
        return ""
    own = execution.get("batch_id") == batch["id"]
    later = str(batch.get("submitted_at") or "") >= str(execution.get("submitted_at") or "")
    return str(batch["id"]) if own or later else ""


def last(wire: Api, kind: str) -> dict[str, Any]:
    """The last batch or execution; empty when there is none yet."""
    try:
        found: dict[str, Any] = wire.get(f"/{kind}/{LAST}")
    except CliError as refused:
        if refused.answer.get("code") not in ("NOT_FOUND", "UNKNOWN_BATCH", "UNKNOWN_EXECUTION"):
            raise
        return {}
    return found
