"""`outputs/batch.json`: what became of every input, true whenever it is read, also after kill -9 of whoever writes it.

It is written beside and renamed. Each member is a line that is made once, when its files are at home, so that writing
ten thousand of them costs a few milliseconds; and it is not written more often than that allows.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .. import SCHEMA_VERSION
from ..errors import CliError
from ..terminal.screen import clean, warn
from ..wire.standing import unmovable
from .entries import line, waiting
from .places import INDEX

WRITE_SECONDS_MIN = 1.0
SHARE_OF_TIME = 0.02
"""Of the time that passes, so much may go into writing the index."""


class Index:
    """The index of one batch in `folder`. `put` and `price` may come from any thread."""

    def __init__(self, folder: Path, batch: str) -> None:
        self.folder, self.batch = folder, batch
        self.lines: dict[int, bytes] = {}
        self.costs: dict[int, tuple[Any, int]] = {}
        """Costs that came before the files did, and of which attempt, by position."""
        self.lock = threading.Lock()
        self.changed = False
        self.due = 0.0
        self.mine: tuple[int, int] | None = None
        self.path = folder / INDEX

    def open(self, inputs: Iterable[tuple[str, str]] = ()) -> None:
        """Read what was left here of this batch; `inputs` are (member, what was typed for it), in order."""
        for path in (self.path, self.own):
            said = read(path)
            if said.get("batch") == self.batch:
                self.lines = {int(each["index"]): line(each) for each in said["members"]}
                break
        for position, (member, typed) in enumerate(inputs):
            self.lines.setdefault(position, line(waiting(position, member, typed)))
        self.changed = True
        self._take_place()

    @property
    def own(self) -> Path:
        """The name of the index where `batch.json` is somebody else's."""
        return self.folder / f"{self.batch}.json"

    def _take_place(self) -> None:
        """`batch.json` is ours; the index of another batch moves aside, a file that is no index stays where it is."""
        if not os.path.lexists(self.path):
            return
        other = str(read(self.path).get("batch") or "")
        if other == self.batch:
            self.mine = identity(self.path)
            return
        aside = self.folder / f"{other}.json"
        if not other or "/" in other or os.path.lexists(aside):
            warn(f"{clean(self.path)} is not this batch's; its index is {clean(self.own)}")
            self.path = self.own
            return
        self.path.replace(aside)
        warn(f"the index of {clean(other)} is now {clean(aside)}")

    def put(self, position: int, entry: dict[str, Any]) -> None:
        """What became of the member at `position`; its input stays as it was typed."""
        with self.lock:
            before = json.loads(self.lines.get(position, b"{}"))
            if (before.get("attempt") or 0) > (entry.get("attempt") or 0):
                return  # it was retried, and that result was here first
            entry["input"] = before.get("input", entry["name"])
            attempt, cost = self.costs.pop(position, (None, None))
            if entry.get("cost_micros") is None and attempt == entry.get("attempt"):
                entry["cost_micros"] = cost
            self.lines[position] = line(entry)
            self.changed = True

    def price(self, item: dict[str, Any]) -> None:
        """The cost of a member that was put, or soon will be."""
        position, cost = int(item["index"]), item["cost_micros"]
        with self.lock:
            if self.has(item):
                self.lines[position] = line(json.loads(self.lines[position]) | {"cost_micros": cost})
                self.changed = True
            else:
                self.costs[position] = item.get("attempt"), cost

    def has(self, item: dict[str, Any]) -> bool:
        """Whether this very end of the member is in the index."""
        known = json.loads(self.lines.get(int(item["index"]), b"{}"))
        return bool(known.get("execution") == item["id"] and known.get("attempt") == item.get("attempt"))

    def recorded(self, position: int) -> dict[str, str]:
        """SHA-256 by place of the files that are at home of the member at `position`."""
        before = self.lines.get(position)
        outputs = json.loads(before).get("outputs") or [] if before else []
        return {each["file"]: each["sha256"] for each in outputs}

    def entries(self) -> Iterable[dict[str, Any]]:
        return (json.loads(self.lines[position]) for position in sorted(self.lines))

    def write(self, doc: dict[str, Any], *, complete: bool = False, now: bool = False) -> None:
        """Write if something changed and enough time has passed, or `now`. `doc`: the batch as it stands."""
        begun = time.monotonic()
        if not now and (not self.changed or begun < self.due):
            return
        self.changed = False
        if self.mine and identity(self.path) not in (self.mine, None):
            self.path = self.own  # somebody else has put the index of another batch there
        aside = self.path.with_name(f".{self.path.name}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            aside.write_bytes(self.text(doc, complete))
            aside.replace(self.path)
        except OSError as broken:
            blocked = unmovable(self.folder, [self.path])
            raise CliError(
                f"{blocked or f'{clean(self.path)} cannot be written ({broken.strerror})'}.",
                f"Another folder: rgrid download {self.batch} -o other",
                code="OUTPUT_UNWRITABLE",
            ) from None
        self.mine = identity(self.path)
        spent = time.monotonic() - begun
        self.due = time.monotonic() + max(WRITE_SECONDS_MIN, spent / SHARE_OF_TIME)

    def text(self, doc: dict[str, Any], complete: bool) -> bytes:
        """The whole file: one object, a line a member, in the order of the inputs."""
        head = {
            "schema_version": SCHEMA_VERSION,
            "batch": self.batch,
            "script": (doc.get("script") or {}).get("path"),
            "status": doc.get("status"),
            "count": doc.get("count"),
            "counts": doc.get("counts"),
            "cost": doc.get("cost"),
            "complete": complete,
        }
        lines = dict(self.lines)
        members = b",\n".join(lines[position] for position in sorted(lines))
        return json.dumps(head, ensure_ascii=False).encode()[:-1] + b', "members": [\n' + members + b"\n]}\n"


def identity(path: Path) -> tuple[int, int] | None:
    """Which file stands there; None when there is none."""
    try:
        at = path.lstat()
    except OSError:
        return None
    return at.st_ino, at.st_mtime_ns


def read(path: Path) -> dict[str, Any]:
    """The index in `path`; empty when there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
        whole = isinstance(found, dict) and all("index" in each for each in found.get("members", ()))
    except (OSError, ValueError, TypeError):
        return {}
    return found if whole else {}
