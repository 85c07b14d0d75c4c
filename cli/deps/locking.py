"""From what is declared to a lock: by uv, once; the same question again is answered from $RGRID_HOME/locks."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from ..errors import CliError
from ..terminal.formats import count
from ..terminal.screen import clean, state
from ..wire.grid import home
from .declared import Declared
from .expand import expanded
from .pins import Lock, read_lock
from .sound import direct
from .trouble import trouble
from .uv import find_uv, identity, settings_hash, uv

FORM = 1
"""Of the cached files; another number, and none of the old ones is read."""
QUIET = ("--quiet", "--no-annotate", "--no-header", "--no-emit-index-url", "--no-emit-find-links")
EXPORT = ("--frozen", "--offline")
OF_PROJECT = ("--no-dev", "--no-emit-project", "--no-emit-local")
COMPILE = ("--universal", "--generate-hashes", "--no-emit-build-options")


class Locked(NamedTuple):
    """A lock, and whether it was there already (`known`)."""

    lock: Lock
    known: bool


def locked(wanted: Declared, script: Path, python: str, *, builds: bool = False, renew: bool = False) -> Locked:
    """The packages of `wanted` for Python `python` (`3.11`) and newer. Raises CliError with what to do."""
    if wanted.form == "pylock":
        from .pylock import read_pylock

        return Locked(read_pylock(wanted.path), True)
    asked = expanded(wanted)
    if wanted.form == "requirements":
        if kept := wanted.asked.kept():
            return Locked(kept, True)
        if not asked.lines:
            return Locked(Lock(()), True)
    program = find_uv()
    folder = wanted.path.parent
    files = [wanted.path, folder / "pyproject.toml", script] if wanted.form != "requirements" else []
    question = {
        "form": [FORM, wanted.form],
        "requirements": asked.asked(),
        "constraints": asked.constraints,
        "files": [hashlib.sha256(each.read_bytes()).hexdigest() for each in files if each.is_file()],
        "python": python,
        "builds": builds,
        "uv": identity(program),
        "index": settings_hash(folder),
    }
    place = home() / "locks" / f"{hashlib.sha256(json.dumps(question).encode()).hexdigest()[:32]}.lock"
    if not renew and (text := stored(place)):
        return Locked(read_lock(text), True)
    began = time.monotonic()
    said = resolved(program, wanted, asked.asked(), asked.constraints, script, python, builds)
    lock = checked(said, wanted)
    store(place, lock.text())
    state(
        "good",
        "locked",
        f"{count(lock.packages, 'package')} of {clean(wanted.source)} in {time.monotonic() - began:.1f} s",
    )
    return Locked(lock, False)


def resolved(
    program: Path, wanted: Declared, asked: list[str], constraints: list[str], script: Path, python: str, builds: bool
) -> str:
    """What uv answers. Raises CliError."""
    folder = Path(os.path.abspath(wanted.path.parent))  # noqa: PTH100
    if wanted.form != "requirements":
        which = ["--script", str(script.absolute())] if wanted.form == "script.lock" else [*OF_PROJECT]
        done = uv(program, ["export", *QUIET, *EXPORT, *which], project_of(wanted, script))
    else:
        only = [] if builds else ["--only-binary", ":all:"]
        with tempfile.TemporaryDirectory(prefix="rgrid-lock-") as at:
            Path(at, "in.txt").write_text("".join(line + "\n" for line in asked), "utf-8")
            Path(at, "constraints.txt").write_text("".join(line + "\n" for line in constraints), "utf-8")
            words = ["pip", "compile", *QUIET, *COMPILE, *only, "--python-version", python]
            words += ["--constraints", str(Path(at, "constraints.txt"))] if constraints else []
            done = uv(program, [*words, str(Path(at, "in.txt"))], folder)
    if done.returncode:
        raise trouble(done.stderr or done.stdout, wanted.source, script)
    return done.stdout


def project_of(wanted: Declared, script: Path) -> Path:
    """The folder whose project is meant: in a workspace the member that the script lies in."""
    top = Path(os.path.abspath(wanted.path.parent))  # noqa: PTH100
    here = Path(os.path.abspath(script.parent))  # noqa: PTH100
    between = [each for each in (here, *here.parents) if each.is_relative_to(top)]
    return next((each for each in between if (each / "pyproject.toml").is_file()), top)


def checked(text: str, wanted: Declared) -> Lock:
    """uv's answer as a lock. Raises CliError when something in it is no pin with hashes."""
    try:
        lock = read_lock(text)
    except ValueError as wrong:
        line = str(wrong)
        if "://" in line or line.startswith(("-e", ".", "/")):
            raise direct(wanted.source, line.partition(" --hash")[0]) from None
        raise CliError(f"uv answered with a line that is no pin: {clean(line)}", code="LOCK_FAILED") from None
    bare = next((pin.name for pin in lock.pins if not pin.hashes), None)
    if bare is not None:
        raise CliError(
            f"There is no hash for {clean(bare)} in {clean(wanted.source)}, so nothing could be verified.",
            "Lock it against an index that knows hashes.",
            code="LOCK_FAILED",
        )
    return lock


def stored(place: Path) -> str:
    """What was kept there, if it is whole: its first line is the digest of the rest."""
    try:
        digest, _, text = place.read_text("utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return ""
    return text if hashlib.sha256(text.encode()).hexdigest() == digest else ""


def store(place: Path, text: str) -> None:
    """Keep it; where nothing can be written it is found anew the next time."""
    try:
        for folder in (home(), place.parent):  # a home holds keys: nobody else may look into it
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=place.parent, delete=False) as file:
            file.write(f"{hashlib.sha256(text.encode()).hexdigest()}\n{text}")
        Path(file.name).replace(place)
    except OSError:
        pass
