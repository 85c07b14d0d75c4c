"""Makes the environment of a Python lock with uv: outside every box, because nothing in wheels is run."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path

from services.runner.environments.blame import uv_failed
from services.runner.environments.bytecode import compiled
from services.runner.environments.failures import Unbuilt
from services.runner.environments.folder import point, site_packages
from services.runner.environments.lockfile import Pins
from services.runner.environments.scripts import move_scripts
from services.runner.environments.tidy import tidy
from services.runner.environments.tool import run
from services.runner.environments.uv import config_arguments, find_uv, uv_environment
from services.runner.interpreters import Interpreter

CALM = ("--quiet", "--color", "never", "--no-progress", "--no-python-downloads")
ONLY_THIS = ("--no-deps", "--require-hashes", "--no-sources")
WHEELS = ("--only-binary", ":all:")
LOCK = "requirements.lock"


async def make(
    folder: Path, pins: Pins, interpreter: Interpreter, here: Sequence[Interpreter], cache: Path, link: str
) -> None:
    """Fill `folder`, which is new. `here` are the interpreters that this process can run.

    `link` is `hardlink` where scripts cannot write to it, else `copy`. Raises Unbuildable, Unbuilt, OSError.
    """
    point(folder, interpreter)
    (folder / LOCK).write_text(pins.text)
    uv = str(find_uv())
    command = [
        uv,
        "pip",
        "install",
        *CALM,
        *config_arguments(os.environ),
        "--cache-dir",
        str(cache),
        *ONLY_THIS,
        *WHEELS,
    ]
    command += ["--link-mode", link, *_place(folder, interpreter, here), "-r", LOCK]
    done = await run(command, folder, uv_environment(os.environ), cache)
    if done.code != 0:
        raise uv_failed(done)
    finish(folder, interpreter, [each.program for each in here])
    await compiled(folder, interpreter, here)


def _place(folder: Path, interpreter: Interpreter, here: Sequence[Interpreter]) -> list[str]:
    """Into it as into any venv; for an interpreter that only boxes have, by what is known of it. Raises Unbuilt."""
    if interpreter in here:
        return ["--python", str(folder / "bin" / "python")]
    own = next((each for each in here if each.runtime == "python"), None)
    if own is None:
        raise Unbuilt("it has no Python of its own, which uv needs; name one in RGRID_PYTHONS")
    system = f"{platform.machine()}-unknown-linux-{'musl' if 'musl' in interpreter.target else 'gnu'}"
    found = ["--python", own.program, "--prefix", str(folder), "--python-version", interpreter.version]
    return [*found, "--python-platform", system]


def finish(folder: Path, interpreter: Interpreter, programs: Sequence[str]) -> None:
    """Away with what only the making needed, and every file fit to be shared. Raises Unbuildable."""
    for name in (LOCK, ".lock"):
        (folder / name).unlink(missing_ok=True)
    if not (folder / "bin").is_symlink():
        (folder / "bin" / "python").unlink(missing_ok=True)
    tidy(folder)  # before anything else is touched: no link leads out any more
    wanted = site_packages(folder, interpreter)
    for found in folder.glob("lib/python3.*/site-packages"):
        if found != wanted:
            wanted.mkdir(parents=True, exist_ok=True)
            wanted.rmdir()
            found.rename(wanted)
            found.parent.rmdir()
    move_scripts(folder, (f"{folder}/bin/python", interpreter.program, *programs))
    point(folder, interpreter)
