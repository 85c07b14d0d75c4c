"""Which package each foreign module comes from: the person's environment, then the table, else the person is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ..errors import UsageProblem
from ..terminal.screen import clean, typed
from .installed import Installed, normal
from .known import near, packages_of
from .local import Followed, Need
from .pythons import Active, active
from .scan import NESTED, OPTIONAL
from .upward import folders_up, shown

OTHERS = {
    "poetry.lock": "poetry export -o requirements.txt",
    "Pipfile.lock": "pipenv requirements > requirements.txt",
    "environment.yml": "pip list --format=freeze > requirements.txt",
    "setup.py": "uv pip compile setup.py -o requirements.txt",
    "setup.cfg": "uv pip compile setup.cfg -o requirements.txt",
}
ENVIRONMENT, TABLE = "your environment", "the table of well-known names"


class Picked(NamedTuple):
    """A package for a module: what is asked of the index (`requirement`), and who said so (`origin`)."""

    module: str
    package: str
    requirement: str
    origin: str


@dataclass(slots=True)
class Decision:
    """`constraints`: versions in the person's environment of what these need in turn. `left_out`: modules a script can
    do without and that the person does not have either."""

    picked: list[Picked] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    left_out: list[Need] = field(default_factory=list)
    environment: str = ""
    python: str = ""
    """The version of the person's Python, where pins come from it."""
    notes: list[str] = field(default_factory=list)


def decide(script: Path, followed: Followed, *, passing: bool = False) -> Decision:
    """Raises UsageProblem (UNKNOWN_IMPORT) for a module that neither knows, unless `passing`."""
    if not followed.needs:
        return Decision()
    here = active()
    unread = not_read(script)
    installed = Installed(here.folders, here.name) if here else Installed(())
    made = Decision(environment=installed.name, notes=unread[:1])
    packages: dict[str, Picked] = {}
    there: set[str] = set()
    unknown: list[Need] = []
    for need in sorted(followed.needs, key=lambda need: (bool(need.unless), -need.need)):
        picked = pick_all(need, installed, made)
        if need.unless and any(there_or_standard(each, there, installed) for each in need.unless):
            continue
        if not picked and need.need >= NESTED:
            unknown.append(need)
        elif not picked or (need.need == OPTIONAL and any(each.origin == TABLE for each in picked)):
            made.left_out.append(need)
        else:
            there.add(need.module)
            for each in picked:
                packages.setdefault(normal(each.package), each)
    if unknown and not passing:
        raise unknown_import(script, sorted(unknown, key=lambda need: need.line), here, installed, unread)
    made.picked = sorted(packages.values(), key=lambda each: normal(each.package))
    pinned = {normal(each.package) for each in made.picked if each.origin == ENVIRONMENT}
    made.python = here.minor if here and pinned else ""
    closure = installed.closure(pinned)
    made.constraints = sorted(each.pin for name, each in closure.items() if name not in pinned and not each.origin)
    made.left_out = [need for need in made.left_out if need.module not in there]
    return made


def pick_all(need: Need, installed: Installed, made: Decision) -> list[Picked]:
    """The package of a module; of a name that several packages share (`from google.cloud import storage`) those of the
    modules in it. Empty when nobody knows one of them."""
    found = pick(need.module, installed, made)
    if found is not None or not need.names:
        return [found] if found else []
    parts = [pick(f"{need.module}.{name}", installed, made) for name in need.names]
    return [each for each in parts if each] if all(parts) else []


def pick(module: str, installed: Installed, made: Decision) -> Picked | None:
    """The package of one module; None when nobody knows."""
    likely = packages_of(module)
    owner = installed.owner(module, likely)
    if owner is not None and not owner.origin:
        return Picked(module, owner.name, owner.pin, ENVIRONMENT)
    if owner is not None:
        note = f"{owner.name} in your environment came from {clean(owner.origin)}: no pin"
        made.notes += [note] if note not in made.notes else []
    return Picked(module, likely[0], likely[0], TABLE) if likely else None


def there_or_standard(module: str, there: set[str], installed: Installed) -> bool:
    """Whether a module is there anyway, so that no other has to stand in for it."""
    import sys

    return module.partition(".")[0] in sys.stdlib_module_names or module in there or installed.place(module) is not None


def not_read(script: Path) -> list[str]:
    """What the nearest declaration in a form that only another program reads would have to be turned into."""
    return [
        f"{name} is not read; turn it into one that is: {command}"
        for folder in folders_up(script.parent)
        for name, command in OTHERS.items()
        if (folder / name).is_file()
    ]


def unknown_import(
    script: Path, unknown: list[Need], here: Active | None, installed: Installed, unread: list[str]
) -> UsageProblem:
    """Which module, where, where it was looked for, and what to type."""
    first, name = unknown[0], unknown[0].module
    others = sorted({need.module for need in unknown} - {name})
    more = f" (and {', '.join(clean(each) for each in others)})" if others else ""
    said = (
        f"{clean(shown(first.file))} imports {clean(name)}{more} in line {first.line}, "
        "and which package that is nobody says; no name is ever guessed."
    )
    searched = ["It is no part of Python, no file beside the script or in its project"]
    searched += [f"not installed in {clean(here.name)}" if here else "there is no Python on your PATH to look into"]
    searched += ["and not among the well-known names."]
    hints = [", ".join(searched[:-1]) + ", " + searched[-1]]
    linked = installed.from_folder(name)
    if linked is not None:
        hints.append(f"{linked.name} is installed from {clean(linked.origin)}: take that along with --input.")
    elif meant := [
        f"{each}: did you mean {like}?" for each in (name, *others) if (like := near(each.partition(".")[0]))
    ]:
        hints.append(" ".join(meant))
    hints += unread[:1]
    file = typed(script)
    hints.append(f"Say which: rgrid deps add {file} PACKAGE      or in a file: rgrid run --requirements FILE {file}")
    return UsageProblem(said, "\n".join(hints), code="UNKNOWN_IMPORT")
