"""The programs that run scripts: which are on this machine, in which version, and what environments are made for them."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

MINOR_MIN = 11
"""Older Pythons than 3.11 run no scripts here."""
PYTHONS = re.compile(r"python3\.(\d+)")
ASK_PYTHON = (
    "import os, platform, sys; "
    "print(sys.implementation.name, platform.python_version(), os.path.realpath(sys.executable))"
)
ASK_SECONDS = 10.0


class NotHere(LookupError):
    """No interpreter here is the one that a job needs."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """`program` is its path as a script's box sees it; `target` names what packages are made for (empty: it has none).

    `image` is the digest of the container image that it is in (empty: it is the machine's own).
    """

    runtime: str
    version: str
    program: str
    target: str = ""
    image: str = ""

    @property
    def minor(self) -> str:
        """`3.12` of 3.12.1, `20` of 20.20.2: how a job asks for it."""
        parts = self.version.split(".")
        return ".".join(parts[:2]) if self.runtime == "python" else parts[0]


@cache
def interpreters(more: tuple[str, ...] = ()) -> tuple[Interpreter, ...]:
    """Those of this machine, the preferred one of each runtime first; `more` are paths of further Pythons.

    Python is the one below our own environment, so that nothing of rgrid leaks into scripts.
    """
    found = [_own_python()]
    for path in (*more, *_pythons_on_path()):
        known = {each.minor for each in found}
        python = _python(path)
        if python is not None and python.minor not in known:
            found.append(python)
    node = _node()
    found += [node] if node else []
    shell = shutil.which("sh")
    found += [Interpreter("sh", "", shell)] if shell else []
    return tuple(found)


def runtimes(found: Iterable[Interpreter]) -> tuple[str, ...]:
    """What a node offers, as `Job.needs` asks for it: `python`, `python3.11`, `python3.12`, `sh`."""
    names = {each.runtime for each in found}
    names |= {each.runtime + each.minor for each in found if each.version}
    return tuple(sorted(names))


def targets(found: Iterable[Interpreter]) -> tuple[str, ...]:
    return tuple(sorted({each.target for each in found if each.target}))


def pick(found: Iterable[Interpreter], runtime: str, minor: str) -> Interpreter:
    """The interpreter for a job; `minor` empty: the preferred one. Raises NotHere when it is not here."""
    for each in found:
        if each.runtime == runtime and minor in ("", each.minor):
            return each
    raise NotHere(f"{runtime}{minor} is not on this node")


def python_target(version: str, implementation: str = "cpython") -> str:
    """What environments of this Python on this machine are made for."""
    return f"{implementation}-{version}-{_platform()}"


def _platform() -> str:
    return f"{sys.platform}-{platform.machine()}"


def _own_python() -> Interpreter:
    program = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
    version = platform.python_version()
    return Interpreter("python", version, program, python_target(version, sys.implementation.name))


def _python(path: str) -> Interpreter | None:
    """What is there, by its own word; None for what is too old or does not run."""
    said = _asked([path, "-I", "-S", "-c", ASK_PYTHON]).split(maxsplit=2)
    if len(said) != 3:
        return None
    implementation, version, program = said
    major, minor, *_ = (int(part) for part in re.findall(r"\d+", version))
    if (major, minor) < (3, MINOR_MIN):
        return None
    return Interpreter("python", version, program.strip(), python_target(version, implementation))


def _pythons_on_path() -> list[str]:
    """`python3.N` in the system's folders, newest first."""
    found: dict[int, str] = {}
    for folder in ("/usr/local/bin", "/usr/bin"):
        for path in Path(folder).glob("python3.*") if Path(folder).is_dir() else ():
            match = PYTHONS.fullmatch(path.name)
            if match and int(match[1]) >= MINOR_MIN:
                found.setdefault(int(match[1]), str(path))
    return [found[minor] for minor in sorted(found, reverse=True)]


def _node() -> Interpreter | None:
    path = shutil.which("node")
    if path is None:
        return None
    program = path if path.startswith(("/usr/", "/bin/")) else os.path.realpath(path)
    version = _asked([program, "--version"]).strip().removeprefix("v")
    return Interpreter("node", version, program, f"node-{version.split('.')[0]}-{_platform()}" if version else "")


def _asked(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=ASK_SECONDS, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
