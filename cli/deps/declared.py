"""Where the person wrote down what the script needs; the first of a written order counts.

1. --requirements FILE   2. the block `# /// script` in it, through the lock beside it (train.py.lock) if there is one
3. in the nearest folder that has one of them, up to the repository's root:
   uv.lock, pylock.toml, requirements.txt, another requirements*.txt if there is just one, pyproject.toml with [project]
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UsageProblem
from ..job.block import block_of
from ..terminal.screen import clean, typed
from .asked import Requirements
from .sound import checked, direct, text_of
from .upward import folders_up, shown

HEAD_CHARS = 4096
ASIDE = ("dev", "test", "doc", "lint", "ci", "build")
"""Parts of names of requirements files that no script means."""


@dataclass(slots=True)
class Declared:
    """`source`: in words, where. `form`: how it is locked (`requirements`, `uv.lock`, `script.lock`, `pylock`)."""

    source: str
    form: str
    path: Path
    asked: Requirements = field(default_factory=Requirements)
    requires_python: str = ""


def declared(script: Path, requirements: str) -> Declared | None:
    """Raises UsageProblem for a declaration that cannot be read."""
    if requirements:
        return from_file(Path(requirements))
    return in_script(script) or in_folders(script.parent)


def from_file(path: Path) -> Declared:
    """What a file declares that was named: its name says in which form."""
    if path.is_dir():
        raise UsageProblem(f"--requirements {clean(path)} is a folder.", "Name a file.", code="FILE_IS_DIRECTORY")
    if path.name == "uv.lock":
        return Declared(shown(path), "uv.lock", path, requires_python=python_of(path))
    if path.name == "pyproject.toml":
        found = in_pyproject(path)
        if found is None:
            text = f"{clean(path)} has no [project] with dependencies."
            raise UsageProblem(text, "Name a requirements file.", code="REQUIREMENTS_INVALID")
        return found
    if path.name.startswith("pylock.") and path.suffix == ".toml":
        return Declared(shown(path), "pylock", path, requires_python=python_of(path))
    from .requirements import read_requirements

    return Declared(shown(path), "requirements", path, read_requirements(path))


def in_script(script: Path) -> Declared | None:
    """What the block of the script says; its lock goes first."""
    data = block_of(script)
    if data is None:
        return None
    python = str(data.get("requires-python", ""))
    if "dependencies" not in data:
        return None
    lock = script.with_name(script.name + ".lock")
    if lock.is_file():
        return Declared(f"the lock {lock.name}", "script.lock", lock, requires_python=python)
    where = f"the block in {script.name}"
    check_sources(data, where)
    lines = strings(data["dependencies"], where)
    return Declared(where, "requirements", script, Requirements(list(checked(lines, where))), python)


def in_folders(start: Path) -> Declared | None:
    """The nearest folder that declares something."""
    for folder in folders_up(start):
        for name in ("uv.lock", "pylock.toml"):
            if (folder / name).is_file():
                return from_file(folder / name)
        file = requirements_in(folder)
        if file is not None:
            return from_file(file)
        found = in_pyproject(folder / "pyproject.toml") if (folder / "pyproject.toml").is_file() else None
        if found is not None:
            return found
    return None


def requirements_in(folder: Path) -> Path | None:
    """requirements.txt, or the one other of its kind. Raises UsageProblem when there are several."""
    if (folder / "requirements.txt").is_file():
        return folder / "requirements.txt"
    found = [each for each in sorted(folder.glob("requirements*.txt")) if each.is_file()]
    found = [each for each in found if not any(part in each.stem.lower() for part in ASIDE)]
    if len(found) > 1:
        names = ", ".join(clean(shown(each)) for each in found)
        hint = f"Say which: rgrid run --requirements {typed(shown(found[0]))} SCRIPT"
        raise UsageProblem(f"Which of them is for the script? {names}", hint, code="REQUIREMENTS_INVALID")
    return found[0] if found else None


def in_pyproject(path: Path) -> Declared | None:
    """The dependencies of [project]; None when it declares none, as a file that only sets up tools."""
    data = toml(path)
    project = data.get("project")
    if not isinstance(project, dict):
        return None
    where = shown(path)
    if "dependencies" in (project.get("dynamic") or ()):
        raise UsageProblem(
            f"{clean(where)} leaves its dependencies to a build (dynamic), and nothing is built to find out.",
            "Write them down: uv pip compile pyproject.toml -o requirements.txt",
            code="REQUIREMENTS_INVALID",
        )
    if "dependencies" not in project:
        return None
    check_sources(data, where)
    lines = list(checked(strings(project["dependencies"], where), where))
    return Declared(where, "requirements", path, Requirements(lines), str(project.get("requires-python", "")))


def check_sources(data: dict[str, Any], where: str) -> None:
    """Raise UsageProblem where `[tool.uv.sources]` says that a package lies elsewhere than on the index."""
    tool = data.get("tool")
    uv = tool.get("uv") if isinstance(tool, dict) else None
    sources = uv.get("sources") if isinstance(uv, dict) else None
    for name, source in sources.items() if isinstance(sources, dict) else ():
        for each in source if isinstance(source, list) else [source]:
            if isinstance(each, dict) and {"git", "url", "path"} & each.keys():
                raise direct(where, f"{name} (tool.uv.sources)")


def python_of(lock: Path) -> str:
    """`requires-python` of a lock, from its first lines: such a file may have megabytes."""
    found = re.search(r"(?m)^requires-python\s*=\s*[\"']([^\"']*)[\"']", text_of(lock)[:HEAD_CHARS])
    return found[1] if found else ""


def strings(value: Any, where: str) -> list[str]:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return list(value)
    raise UsageProblem(
        f"The dependencies in {clean(where)} are no list of strings.",
        'It looks like: dependencies = ["requests>=2"]',
        code="REQUIREMENTS_INVALID",
    )


def toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text_of(path))
    except tomllib.TOMLDecodeError as wrong:
        raise UsageProblem(
            f"{clean(shown(path))} is not TOML: {wrong}", "Correct that line.", code="REQUIREMENTS_INVALID"
        ) from None
