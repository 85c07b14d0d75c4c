"""One environment on disk: what says that it is whole, and where its parts are.

The manifest is written last, before the folder gets its name; a folder without one is not whole, whatever it is called.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import orjson

from domain.environment.events import Recipe
from services.runner.interpreters import Interpreter
from services.runtime.plain import from_json, to_json

MANIFEST = "rgrid-environment.json"
OWN = (MANIFEST, f"{MANIFEST}.new", "pyvenv.cfg", "bin/python")
"""Files that each node writes for itself: they name its interpreter."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a whole environment says of itself. `program` is the interpreter it was made for on this node.

    `life` is that of the machine in which it was made, until all of it is known to be on the disk: then it is empty.
    """

    recipe: Recipe
    program: str
    version: str
    packages: int = 0
    size_bytes: int = 0
    took_ms: int = 0
    life: str = ""


def read_manifest(folder: Path) -> Manifest | None:
    """None when there is no folder, or what is in it is not whole."""
    try:
        return from_json(Manifest, (folder / MANIFEST).read_bytes())
    except (OSError, ValueError, orjson.JSONDecodeError):
        return None


def whole(folder: Path, recipe: Recipe, interpreter: Interpreter) -> Manifest | None:
    """Its manifest if it is the environment of `recipe`, for this very interpreter."""
    found = read_manifest(folder)
    if found is None or found.recipe != recipe or found.program != interpreter.program:
        return None
    if found.life not in ("", life()):
        return None  # the machine went down before its files were on the disk; some may be empty
    inside = folder / "node_modules" if recipe.kind == "node" else site_packages(folder, interpreter)
    return found if inside.is_dir() and _pointed(folder, recipe, interpreter) else None


def finish(folder: Path, manifest: Manifest, interpreter: Interpreter) -> None:
    """What each node writes for itself; the manifest at last, on disk."""
    if manifest.recipe.kind == "python":
        point(folder, interpreter)
    _write_manifest(folder, replace(manifest, life=life()))
    folder.chmod(0o755)


def settle(folder: Path) -> None:
    """Bring all of it to the disk, so that it outlives the machine's going down. Takes seconds: run it in a thread."""
    found = read_manifest(folder)
    if found is not None and found.life:
        os.sync()
        _write_manifest(folder, replace(found, life=""))


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    beside = folder / f"{MANIFEST}.new"
    beside.unlink(missing_ok=True)
    with open(beside, "wb", opener=_new) as file:
        os.fchmod(file.fileno(), 0o644)
        file.write(to_json(manifest))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / MANIFEST)


@cache
def life() -> str:
    """Of this machine, from one start to the next."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return "unknown"


def point(folder: Path, interpreter: Interpreter) -> None:
    """Make it an environment of this interpreter: Python takes it for one because of `pyvenv.cfg`."""
    home = Path(interpreter.program).parent
    site_packages(folder, interpreter).mkdir(parents=True, exist_ok=True)
    config = folder / "pyvenv.cfg"
    config.unlink(missing_ok=True)
    config.write_text(f"home = {home}\ninclude-system-site-packages = false\nversion = {interpreter.version}\n")
    config.chmod(0o644)
    link = folder / "bin" / "python"
    link.parent.mkdir(exist_ok=True)
    link.parent.chmod(0o755)
    link.unlink(missing_ok=True)
    link.symlink_to(interpreter.program)


def site_packages(folder: Path, interpreter: Interpreter) -> Path:
    """Where the packages of a Python environment are."""
    return folder / "lib" / f"python{interpreter.minor}" / "site-packages"


def size_bytes(folder: Path) -> int:
    """What its files take on disk, those that it shares with others included."""
    total = 0
    for top, folders, files in os.walk(folder):
        for name in (*folders, *files):
            total += os.lstat(f"{top}/{name}").st_blocks * 512
    return total


def _pointed(folder: Path, recipe: Recipe, interpreter: Interpreter) -> bool:
    if recipe.kind == "node":
        return True
    try:
        return str((folder / "bin" / "python").readlink()) == interpreter.program
    except OSError:
        return False


def _new(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_EXCL | os.O_NOFOLLOW, 0o644)
