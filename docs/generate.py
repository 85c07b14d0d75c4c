"""Writes docs/EVENTS.md and docs/WIRING.md from the code: `python docs/generate.py [--check]`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

from domain.catalog import AGGREGATES, EVENT_TYPES, type_name
from projections.tables import PROJECTIONS
from services.wiring import SERVICES

DOCS = Path(__file__).resolve().parent


def main() -> int:
    """Write both files, or with --check say which is stale (exit 1)."""
    pages = {"EVENTS.md": "\n".join(events_page()) + "\n", "WIRING.md": "\n".join(wiring_page()) + "\n"}
    if "--check" not in sys.argv[1:]:
        for name, text in pages.items():
            (DOCS / name).write_text(text)
        return 0
    stale = [name for name, text in pages.items() if not (DOCS / name).is_file() or (DOCS / name).read_text() != text]
    for name in stale:
        print(f"docs/{name} is stale: make docs", file=sys.stderr)
    return 1 if stale else 0


def events_page() -> Iterator[str]:
    """Every event with its fields, and the values they are made of."""
    yield "# Events\n\nGenerated from `domain/` (`make docs`). Subjects are `rgrid.ev.<account>.<aggregate>.<id>.<event>`.\n"
    values: dict[str, type] = {}
    for aggregate in AGGREGATES.values():
        yield f"## {aggregate.name}\n"
        for event in aggregate.events:
            yield from _section(event, f"`{type_name(event)}`", values)
            yield f"Consumed by: {_names(s.name for s in SERVICES if event in (*s.consumes, *s.follows))}. " + (
                f"Remembered in: {_names(p.name for p in PROJECTIONS if event in p.on)}.\n"
            )
    yield "## Values\n"
    done: set[str] = set()
    while len(done) < len(values):
        for name in sorted(values.keys() - done):
            done.add(name)
            yield from _section(values[name], f"`{name}`", values)


def wiring_page() -> Iterator[str]:
    """Who consumes and sends what."""
    yield "# Wiring\n\nGenerated from `services/wiring.py` and `projections/` (`make docs`).\n"
    yield "| service | what it is for | consumes | sends |\n| --- | --- | --- | --- |"
    for service in SERVICES:
        module = sys.modules[f"services.{service.name}"]
        purpose = (inspect.getdoc(module) or "").split("\n")[0]
        consumes, sends = (*service.consumes, *service.follows), service.sends
        yield f"| {service.name} | {purpose} | {_names(map(_word, consumes))} | {_names(map(_word, sends))} |"
    yield "\n| projection | folds |\n| --- | --- |"
    for projection in PROJECTIONS:
        yield f"| {projection.name} | {_names(map(_word, projection.on))} |"


def _section(cls: type, title: str, values: dict[str, type]) -> Iterator[str]:
    yield f"### {title}\n\n{inspect.getdoc(cls) if not _generated_doc(cls) else ''}\n".replace("\n\n\n", "\n\n")
    hints = get_type_hints(cls)
    if hints:
        yield "| field | type |\n| --- | --- |"
        for field in fields(cls):
            yield f"| `{field.name}` | {_type(hints[field.name], values)} |"
        yield ""


def _type(hint: Any, values: dict[str, type]) -> str:
    if is_dataclass(hint):
        values[hint.__name__] = hint  # type: ignore[union-attr, assignment]
        return f"`{hint.__name__}`"  # type: ignore[union-attr]
    for inner in get_args(hint):
        if is_dataclass(inner):
            _type(inner, values)
    text = (
        str(hint)
        .replace("domain.files.", "")
        .replace("domain.execution.events.", "")
        .replace("domain.cost.events.", "")
    )
    return f"`{hint.__name__ if isinstance(hint, type) and not get_args(hint) else text}`".replace("|", "or")


def _generated_doc(cls: type) -> bool:
    return (cls.__doc__ or "").startswith(f"{cls.__name__}(")


def _word(cls: type) -> str:
    return type_name(cls) if cls in EVENT_TYPES.values() else cls.__name__


def _names(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names) or "nobody"


if __name__ == "__main__":
    raise SystemExit(main())
