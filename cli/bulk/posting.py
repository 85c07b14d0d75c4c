"""The same asked of many executions, two hundred a request; whatever breaks off goes on when the same is typed again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import CliError
from ..options import emit
from ..terminal.screen import clean, detail, failure, show, state, tell
from ..wire.transport import Api
from .selection import Selection

AT_ONCE = 200
SHOWN = 5
LISTED = 20
MOVED = ("WRONG_STATE", "CONFLICT")
"""It ended, or runs again, since the list was made: nothing to do any more."""


@dataclass(slots=True)
class Outcome:
    """`done` ids; how many had moved on; what was refused and why."""

    done: list[str] = field(default_factory=list)
    moved: int = 0
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        return CliError.exit_code if self.refused else 0


def posted(wire: Api, verb: str, ids: list[str], as_json: bool) -> Outcome:
    """Ask for `verb` (cancel, retry) of all; raises CliError that says how far it came."""
    outcome = Outcome()
    for start in range(0, len(ids), AT_ONCE):
        page = ids[start : start + AT_ONCE]
        try:
            items = wire.post("/executions/bulk", {"op": verb, "ids": page})["items"]
        except CliError as broken:
            if start:
                broken.message += f" {start:,} of {len(ids):,} were done."
                broken.hint = f"{broken.hint}      Type the same again: it goes on with the rest.".strip()
            raise
        for item in items:
            note(outcome, item, as_json)
        if not as_json and start + AT_ONCE < len(ids):
            state("busy", "asked", f"{start + len(page):,} of {len(ids):,}")
    return outcome


def note(outcome: Outcome, item: dict[str, Any], as_json: bool) -> None:
    """One answer of many."""
    error = item.get("error") or {}
    if as_json:
        emit(item)
    if item.get("ok"):
        outcome.done.append(item["id"])
    elif error.get("code") in MOVED:
        outcome.moved += 1
    else:
        outcome.refused[item["id"]] = str(error.get("message") or error.get("code"))


def tell_refused(outcome: Outcome) -> None:
    """The first few that were refused, and how many."""
    if outcome.refused:
        lines = [f"{clean(each)}: {clean(why)}" for each, why in list(outcome.refused.items())[:SHOWN]]
        failure(f"{len(outcome.refused):,} were refused.", *lines)


def emit_none(verb: str, *, dry_run: bool) -> None:
    """As JSON that nothing matched: an object, so that who reads it need not tell nothing from a broken pipe."""
    emit({"op": verb, "count": 0, "ids": [], "dry_run": dry_run})


def show_selection(found: Selection, verb: str, *, dry_run: bool, as_json: bool) -> None:
    """How many are meant; with `dry_run` also which, up to a screenful (all of them as JSON)."""
    state("quiet", "matching", found.words())
    if not dry_run:
        return
    named = [str(each["id"]) for each in found.batches] + found.ids
    for each in named if as_json else named[:LISTED]:
        emit({"id": each, "dry_run": True}) if as_json else show(each)
    if len(named) > LISTED and not as_json:
        tell(f"  … and {len(named) - LISTED:,} more")
    if not as_json:
        detail("done", f"nothing was {verb}; without --dry-run it would be")
