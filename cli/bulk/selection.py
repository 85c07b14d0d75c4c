"""The executions and batches that filters mean; all filters must match."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..batch.which import LAST, PREFIX, found, is_batch
from ..terminal.formats import count
from ..wire.transport import Api

PAGE = 200
ALONE = "none"
"""As the filter `batch`: executions that belong to none."""


@dataclass(slots=True)
class Selection:
    """Batches (their documents), how many members of each are meant, and the ids of executions apart from those."""

    batches: list[dict[str, Any]] = field(default_factory=list)
    members: int = 0
    ids: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return self.members + len(self.ids)

    def words(self) -> str:
        """`1,204 executions: 1,200 of 2 batches, 4 single ones`"""
        text = count(len(self), "execution")
        if not self.batches:
            return text
        whole = f"{self.members:,} of {count(len(self.batches), 'batch')}".replace("batchs", "batches")
        return f"{text}: {whole}" + (f", {len(self.ids):,} in no batch" if self.ids else "")


def selected(wire: Api, filters: dict[str, Any], statuses: tuple[str, ...], *, whole: bool = True) -> Selection:
    """What matches and has one of `statuses`. `whole`: batches as such, else their members one by one."""
    chosen = Selection()
    if whole:
        for batch in pages(wire, "/batches", filters):
            counts = batch.get("counts") or {}
            meant = sum(int(counts.get(status) or 0) for status in statuses)
            meant += int(batch.get("count") or 0) - sum(map(int, counts.values())) if "queued" in statuses else 0
            if meant and not ("queued" in statuses and batch.get("cancelling")):
                chosen.batches.append(batch)
                chosen.members += meant
    alone = {"batch": ALONE} if whole else {}
    chosen.ids = [item["id"] for item in pages(wire, "/executions", {**filters, **alone, "status": statuses})]
    return chosen


def batch_meant(wire: Api, text: str) -> str:
    """The id of the batch that `text` means; empty when it means an execution, which is not looked up: its cancel must
    work while the read models are away."""
    if not text.startswith(PREFIX) and text != LAST:
        return ""
    doc = found(wire, text)
    return str(doc["id"]) if is_batch(doc) else ""


def pages(wire: Api, path: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every item of a list, page by page."""
    cursor = None
    while True:
        page = wire.get(path, **query, limit=PAGE, cursor=cursor)
        yield from page["items"]
        cursor = page.get("next_cursor")
        if not cursor:
            return
