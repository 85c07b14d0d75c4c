"""Compiles the modules of an environment once, so that no run does: scripts cannot write there.

Compiled modules are trusted by the hash of nothing at all: the folder never changes, and modification times do not survive
the way through the store.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from services.runner.environments.tool import run, surroundings
from services.runner.interpreters import Interpreter
from services.runner.sandbox.box import ENVIRONMENT

COMPILE = ("-I", "-S", "-m", "compileall", "-q", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash")


async def compiled(folder: Path, interpreter: Interpreter, here: Sequence[Interpreter]) -> None:
    """With an interpreter of the same version; without one, and for modules that do not compile, there is no bytecode."""
    fitting = (each for each in here if each.runtime == "python" and each.minor == interpreter.minor)
    program = next((each.program for each in fitting if os.access(each.program, os.X_OK)), "")
    if program:
        argv = [program, *COMPILE, "-s", str(folder), "-p", ENVIRONMENT, "lib"]
        await run(argv, folder, surroundings(os.environ, (), ()) | {"PYTHONDONTWRITEBYTECODE": ""})
