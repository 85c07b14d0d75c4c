"""Which starts may share an interpreter, and which must have one of their own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from services.runner.interpreters import Interpreter
from services.runner.sandbox.box import ENVIRONMENT, Spec
from services.runner.warm.inside.names import NAME_CHARS

AT_ITS_START = (
    "PYTHON",
    "LD_",
    "MALLOC_",
    "GLIBC_",
    "LC_",
    "OMP_",
    "MKL_",
    "KMP_",
    "GOMP_",
    "OPENBLAS_",
    "GOTO_",
    "BLIS_",
)
"""What an interpreter or a library looks at when it is loaded: how the names begin."""
AT_ITS_START_TOO = ("LANG", "LANGUAGE", "TMPDIR")
THREADS = "_NUM_THREADS"
IMPORTABLE = ("py", "pyc", "so")
OF_ONE_RUN = "RGRID_"
"""Variables of the runner that differ from run to run."""


@dataclass(frozen=True, slots=True)
class Key:
    """All that a zygote's memory and box depend on. `variables` are those of every run."""

    account: str
    program: str
    environment: Path | None
    variables: tuple[tuple[str, str], ...]
    network: bool
    secrets: bool
    image: str = ""
    generation: int = 0
    """Of the environment, which may be thrown away and made anew in the same place."""


def key_of(spec: Spec, here: Iterable[Interpreter]) -> Key | None:
    """None for a start that can only be cold."""
    if spec.warm is None or len(spec.argv) < 2 or not _python(spec, here) or not _script(spec.argv[1]):
        return None
    if any(own_interpreter(name) for name in spec.env):
        return None
    variables = tuple(sorted((name, value) for name, value in spec.base_env.items() if not name.startswith(OF_ONE_RUN)))
    generation = spec.environment.stat().st_ino if spec.environment else 0
    about = (spec.environment, variables, spec.network, bool(spec.secrets), spec.image, generation)
    return Key(spec.warm.account, spec.argv[0], *about)


def own_interpreter(name: str) -> bool:
    """A variable that only an interpreter started with it obeys."""
    return name.startswith(AT_ITS_START) or name in AT_ITS_START_TOO or name.endswith(THREADS)


def beside(spec: Spec) -> set[str]:
    """Names of modules that lie beside the script: it would get them rather than those of its interpreter."""
    folder = (spec.folder / spec.argv[1]).parent
    try:
        names = [name.partition(".") for name in os.listdir(folder)]  # noqa: PTH208 (names, not paths)
    except OSError:
        return set()
    return {name for name, dot, rest in names if not dot or rest.endswith(IMPORTABLE)}


def _python(spec: Spec, here: Iterable[Interpreter]) -> bool:
    """One of the node's own: people's images have variables that a zygote knows nothing of."""
    own = [each.program for each in here if each.runtime == "python" and each.image == spec.image]
    return bool(own) if spec.argv[0].startswith(f"{ENVIRONMENT}/bin/python") else spec.argv[0] in own


def _script(name: str) -> bool:
    """A relative path: options of the interpreter and its `-c` are none."""
    return bool(name) and name[0] not in "-/" and "\0" not in name and len(name) < NAME_CHARS
