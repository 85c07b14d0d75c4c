"""Environments that ids or filters mean, thrown away in one request; or what that would be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import CliError, UsageProblem
from ..options import emit
from ..terminal.formats import count
from ..terminal.screen import clean, failure, following, state
from ..wire.transport import Api

PAGE = 200
ID_CHARS = 16
"""So much of an id is shown; a unique beginning is enough to type."""
SHOWN = 5


def thrown(wire: Api, verb: str, body: dict[str, Any], *, dry_run: bool, as_json: bool) -> int:
    """Do it, or say what would be done; the exit code."""
    word = "pruned" if verb == "prune" else "invalidated"
    if dry_run:
        items = [{"id": item["id"], "ok": True} for item in matching(wire, body)]
    else:
        items = wire.post(f"/environments/{verb}", body)["items"]
    done = [item["id"] for item in items if item["ok"]]
    refused = [item for item in items if not item["ok"]]
    if as_json:
        emit({"count": len(done), "ids": done, "refused": refused, "dry_run": dry_run})
    elif not items:
        state("quiet", "none", "nothing that was built matches")
    else:
        shown = ", ".join(id[:ID_CHARS] for id in done[:SHOWN]) + (", …" if len(done) > SHOWN else "")
        text = f"{count(len(done), 'environment')} · {shown}"
        if dry_run:
            state("quiet", "matching", f"{text} would be {word}")
        else:
            state("good", word, text)
        for item in refused:
            failure(f"{clean(item['id'])}: {clean(item['error']['message'])}")
        following("rgrid cache ls")
    return CliError.exit_code if refused else 0


def matching(wire: Api, body: dict[str, Any]) -> list[dict[str, Any]]:
    """What a request would throw away. Raises UsageProblem for an id of none."""
    items = list(pages(wire, {name: body.get(name) for name in ("script", "unused_days")}))
    if "ids" not in body:
        return items
    found = {}
    for text in body["ids"]:
        begins = text if text.startswith("env_") else f"env_{text}"
        fitting = items[:1] if text == "@last" else [item for item in items if item["id"].startswith(begins)]
        if len(fitting) != 1:
            problem = "is the beginning of several ids" if fitting else "is no environment that was built"
            raise UsageProblem(f"{text!r} {problem}.", "rgrid cache ls", code="NOT_FOUND")
        found[fitting[0]["id"]] = fitting[0]
    return list(found.values())


def pages(wire: Api, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every environment, page by page."""
    cursor = None
    while True:
        page = wire.get("/environments", **query, limit=PAGE, cursor=cursor)
        yield from page["items"]
        cursor = page.get("next_cursor")
        if not cursor:
            return
