"""A requirements file that names a project's folder (`-e .`) asks for what that project declares: its code is taken as files."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageProblem
from ..terminal.screen import clean
from .asked import Requirements
from .declared import Declared, in_pyproject, strings, toml
from .sound import checked
from .upward import shown


def expanded(wanted: Declared) -> Requirements:
    """What is asked for, with the dependencies of the folders it names. Raises UsageProblem for a folder that declares none."""
    asked = wanted.asked
    if not asked.projects:
        return asked
    made = Requirements(list(asked.lines), list(asked.constraints), [], asked.notes)
    for folder, extras in asked.projects:
        made.lines += project_lines(folder, extras)
    return made


def project_lines(folder: Path, extras: str) -> list[str]:
    """The dependencies of the project in `folder`, and of its `extras` (`dev, plot`)."""
    path = folder / "pyproject.toml"
    found = in_pyproject(path) if path.is_file() else None
    if found is None:
        raise UsageProblem(
            f"{clean(shown(folder))} is asked for as a package, and no pyproject.toml there says what it needs.",
            "Write what it needs into the requirements file; its code is taken along when the script imports it.",
            code="REQUIREMENTS_INVALID",
        )
    lines = list(found.asked.lines)
    optional = toml(path)["project"].get("optional-dependencies") or {}
    for extra in (each.strip() for each in extras.split(",") if each.strip()):
        lines += checked(strings(optional.get(extra, []), shown(path)), shown(path))
    return lines
