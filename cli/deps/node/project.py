"""The nearest package.json of a Node script and its lock: what may be installed from it, and what to do where it is missing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import UsageProblem
from ...terminal.screen import clean, typed
from ..upward import folders_up, shown

LOCK = "package-lock.json"
OTHERS = {"yarn.lock": "yarn", "pnpm-lock.yaml": "pnpm", "bun.lock": "bun", "bun.lockb": "bun"}
NEEDED = ("dependencies", "optionalDependencies")
VERSIONS = (2, 3)


@dataclass(frozen=True, slots=True)
class Project:
    """`package`: the nearest package.json, which says what kind of modules the files are. `lock`: the pins, if it has any."""

    package: Path
    lock: Path | None
    packages: int = 0
    engines: str = ""


def project(script: Path, imported: dict[str, tuple[Path, int]]) -> Project | None:
    """Raises UsageProblem for a project without a lock that can be used, and for imports that no project declares."""
    folders = folders_up(script.parent)
    nearest = next((each / "package.json" for each in folders if (each / "package.json").is_file()), None)
    declaring = next((each / "package.json" for each in folders if needs(each / "package.json")), None)
    if declaring is None:
        if imported:
            raise undeclared(script, imported, nearest)
        return Project(nearest, None) if nearest else None
    lock = declaring.with_name(LOCK)
    if not lock.is_file():
        raise without_lock(declaring)
    return Project(nearest or declaring, lock, checked(lock))


def needs(path: Path) -> bool:
    """Whether a package.json asks for packages."""
    data = read(path) if path.is_file() else {}
    return any(data.get(name) for name in NEEDED)


def checked(lock: Path) -> int:
    """How many packages a lock holds. Raises UsageProblem for a version or an origin that cannot be installed."""
    data = read(lock)
    where = clean(shown(lock))
    if data.get("lockfileVersion") not in VERSIONS:
        text = f"{where} is of version {clean(data.get('lockfileVersion', 'none'))}; 2 and 3 are understood."
        raise UsageProblem(text, "Make it anew: npm install --package-lock-only", code="LOCKFILE_MISSING")
    packages = data.get("packages")
    found = {name: each for name, each in packages.items() if name} if isinstance(packages, dict) else {}
    for name, each in found.items():
        came = str(each.get("resolved", ""))
        if each.get("link") or not name.startswith("node_modules/") or came.startswith(("file:", "git")):
            raise UsageProblem(
                f"{where} takes {clean(name.removeprefix('node_modules/'))} from a folder or a repository.",
                "Only packages of a registry are installed; a file of your own is imported as ./file.js and goes along.",
                code="DIRECT_REFERENCE",
            )
    return len({name for name, each in found.items() if not each.get("dev")})


def without_lock(package: Path) -> UsageProblem:
    """What to run so that there is a lock."""
    other = next((name for name in OTHERS if package.with_name(name).is_file()), "")
    where = clean(shown(package))
    also = f" (there is a {other}; only npm's is understood)" if other else ""
    folder = shown(package.parent)
    command = "npm install --package-lock-only" + ("" if folder == "." else f" --prefix {typed(folder)}")
    return UsageProblem(
        f"{where} asks for packages and has no {LOCK} beside it{also}.",
        f"Make it, which installs nothing: {command}      Run without packages: --no-deps",
        code="LOCKFILE_MISSING",
    )


def undeclared(script: Path, imported: dict[str, tuple[Path, int]], nearest: Path | None) -> UsageProblem:
    """A lone script that imports packages: what to add."""
    name, (path, line) = next(iter(imported.items()))
    more = f" and {len(imported) - 1} more" if len(imported) > 1 else ""
    names = " ".join(clean(each) for each in imported)
    start = "" if nearest else "npm init -y && "
    return UsageProblem(
        f"{clean(shown(path))} imports {clean(name)}{more} (line {line}), and no package.json declares it.",
        f"Declare and pin it beside {clean(script.name)}: {start}npm install --package-lock-only {names}",
        code="UNKNOWN_IMPORT",
    )


def read(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises UsageProblem."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError) as wrong:
        text = f"{clean(shown(path))} is not JSON ({clean(wrong)})."
        raise UsageProblem(text, "Correct it.", code="REQUIREMENTS_INVALID") from None
    return found if isinstance(found, dict) else {}
