"""What `rgrid deps show` says of a script: what was found where and why, and the pins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import CliError
from ..terminal.formats import count
from ..terminal.screen import clean, show
from .decision import Decision
from .found import Found, found, origins
from .interpreter import lowest
from .newer import locked_from
from .upward import shown


def python_report(
    script: Path, requirements: str, *, builds: bool, renew: bool, telling: bool = False
) -> dict[str, Any]:
    """All of it as JSON. Raises CliError where a run would; with `telling`, what was found is printed before that."""
    seen = found(script, requirements)
    made: dict[str, Any] = {
        "imports": imports(seen),
        "script": shown(script),
        "kind": "python",
        "source": seen.wanted.source if seen.wanted else None,
        "requires_python": seen.requires_python,
        "asked": seen.wanted.asked.asked() if seen.wanted else [],
        "bounds": seen.wanted.asked.constraints if seen.wanted else [],
        "modules": sorted(shown(path) for path in seen.followed.files),
        "preloaded": seen.preload,
        "packages": [],
        "lock": None,
        **judged(seen.decision),
    }
    if seen.wanted is not None:
        python = lowest(seen.requires_python, "")
        try:
            answer, made["python"] = locked_from(seen.wanted, script, python, builds=builds, renew=renew)
        except CliError:
            if telling:
                print_report(made)
            raise
        pins = answer.lock.pins
        made["packages"] = [{"name": pin.name, "version": pin.version, "marker": pin.marker} for pin in pins]
        made["lock"] = {"known": answer.known, "packages": answer.lock.packages}
    return made


def judged(decision: Decision | None) -> dict[str, Any]:
    """How imports became packages, where nothing is declared."""
    if decision is None:
        return {"picked": [], "origins": [], "left_out": []}
    picked = [{"module": each.module, "package": each.requirement, "origin": each.origin} for each in decision.picked]
    left = sorted({need.module for need in decision.left_out})
    return {"picked": picked, "origins": origins(decision), "left_out": left}


def imports(seen: Found) -> list[dict[str, Any]]:
    """Foreign modules with the place that imports them."""
    words = ("optional", "sometimes", "always")
    return [
        {"module": need.module, "file": shown(need.file), "line": need.line, "need": words[need.need]}
        for need in seen.followed.needs
    ]


def node_report(script: Path) -> dict[str, Any]:
    """The same of a Node script."""
    from .node.imports import follow
    from .node.project import project

    seen = follow(script)
    known = project(script, seen.packages)
    return {
        "script": shown(script),
        "kind": "node",
        "source": shown(known.lock) if known and known.lock else None,
        "modules": sorted(shown(path) for path in seen.files),
        "lock": {"known": True, "packages": known.packages} if known and known.lock else None,
        "packages": [],
        "imports": [{"module": name, "file": shown(at[0]), "line": at[1]} for name, at in seen.packages.items()],
    }


def print_report(made: dict[str, Any]) -> None:
    """The report for eyes."""
    rows = [
        ("script", f"{made['script']} · {made['kind']}"),
        ("declared", made["source"] or "nothing, and nothing is needed"),
    ]
    rows += [("python", made["requires_python"])] if made.get("requires_python") else []
    rows += [("asked", ", ".join(made["asked"]))] if made.get("asked") else []
    rows += [("bounds", ", ".join(made["bounds"]))] if made.get("bounds") else []
    rows += [("why", line) for line in made.get("origins") or []]
    rows += [("left out", ", ".join(made["left_out"]))] if made.get("left_out") else []
    if made["lock"]:
        known = "known: it was locked before" if made["lock"]["known"] else "made now"
        rows.append(("lock", f"{count(made['lock']['packages'], 'package')}, {known}"))
    rows += [("modules", ", ".join(made["modules"]))] if made["modules"] else []
    for each in made["imports"]:
        often = "" if each.get("need", "always") == "always" else f" ({each['need']})"
        rows.append(("imports", f"{each['module']} · {each['file']}:{each['line']}{often}"))
    for each in made["packages"]:
        marker = f" ; {each['marker']}" if each["marker"] else ""
        rows.append(("pinned", f"{each['name']} {each['version']}{marker}"))
    for word, text in rows:
        show(f"{word:<11} {clean(text)}")
