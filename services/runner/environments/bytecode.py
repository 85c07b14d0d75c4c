"""Compiles the modules of an environment once, so that no run does: scripts cannot write there.

Compiled modules are trusted by the hash of nothing at all: the folder never changes, and modification times do not survive
the way through the store.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path

from services.runner.environments.tool import run, surroundings
from services.runner.interpreters import Interpreter
from services.runner.sandbox.box import ENVIRONMENT

COMPILE = ("-I", "-S", "-m", "compileall", "-q", "-q", "--invalidation-mode", "unchecked-hash")

WORKERS_MAX = 8
SOURCE_BYTES_MAX = 5 * 1024**2
"""A compiler takes hundreds of times the memory of what it reads."""
SKIPPED_CHARS_MAX = 64 * 1024


async def compiled(folder: Path, interpreter: Interpreter, here: Sequence[Interpreter]) -> None:
    """With an interpreter of the same version; without one, and for modules that do not compile, there is no bytecode."""
    fitting = (each for each in here if each.runtime == "python" and each.minor == interpreter.minor)
    program = next((each.program for each in fitting if os.access(each.program, os.X_OK)), "")
    skipped = await asyncio.to_thread(_too_large, folder)
    if program and len(skipped) < SKIPPED_CHARS_MAX:
        workers = min(len(os.sched_getaffinity(0)), WORKERS_MAX)
        argv = [
            program,
            *COMPILE,
            "-j",
            str(workers),
            *(["-x", skipped] if skipped else []),
            "-s",
            str(folder),
            "-p",
            ENVIRONMENT,
            "lib",
        ]
        await run(argv, folder, surroundings(os.environ, (), ()) | {"PYTHONDONTWRITEBYTECODE": ""})


def _too_large(folder: Path) -> str:
    """An expression that finds the sources that stay as they are; empty when there are none."""
    found = []
    for top, _, files in os.walk(folder / "lib"):
        for name in files:
            if name.endswith(".py") and os.lstat(f"{top}/{name}").st_size > SOURCE_BYTES_MAX:
                found.append(re.escape(os.path.relpath(f"{top}/{name}", folder)))
    return f"^(?:{'|'.join(found)})$" if found else ""
