"""The program uv: the one that came with rgrid's packages, started without questions and without colours."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from ..errors import CliError
from .upward import folders_up

PACKAGE = "uv"
SECONDS_MAX = 600.0
ASIDE = (
    "UV_CACHE_DIR",
    "UV_NO_PROGRESS",
    "UV_CONCURRENT",
    "UV_HTTP",
    "UV_LINK_MODE",
    "UV_REQUEST",
    "UV_LOG",
    "UV_OFFLINE",
)
"""Variables that change how uv works, not what it finds."""


def find_uv() -> Path:
    """The packaged program, else the first one on PATH. Raises CliError (UV_MISSING)."""
    found = shutil.which(PACKAGE, path=sysconfig.get_path("scripts")) or from_record() or shutil.which(PACKAGE)
    if found is None:
        raise CliError(
            "There is no uv here, which finds and locks the packages of a script.",
            "It comes with rgrid; get it: python -m pip install uv      Run with the standard library alone: --no-deps",
            code="UV_MISSING",
        )
    return Path(found)


def from_record() -> str | None:
    """Where pip says that it put uv, for installations whose scripts lie elsewhere (--user, --target)."""
    from importlib import metadata

    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        path = Path(str(file.locate()))
        if path.name in ("uv", "uv.exe") and os.access(path, os.X_OK) and path.is_file():
            return str(path)
    return None


def identity(program: Path) -> str:
    """Which uv it is, without starting it: what is on the disk tells."""
    libraries = Path(sysconfig.get_path("purelib"))
    versions = [each.name for each in libraries.glob("uv-*.dist-info")] if program.parent != Path("/usr/bin") else []
    return versions[0] if versions else f"{program.stat().st_size}"


def settings_hash(folder: Path) -> str:
    """A digest of what decides where packages come from: variables and files of uv. They themselves are kept nowhere."""
    digest = hashlib.sha256()
    for name in sorted(os.environ):
        if name.startswith("UV_") and not name.startswith(ASIDE):
            digest.update(f"{name}={os.environ[name]}\0".encode("utf-8", "surrogateescape"))
    own = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "uv/uv.toml"
    for path in (own, Path("/etc/uv/uv.toml"), *(each / "uv.toml" for each in folders_up(folder))):
        if os.access(path, os.R_OK):
            digest.update(path.read_bytes() + b"\0")
    for path in (each / "pyproject.toml" for each in folders_up(folder)):
        if path.is_file() and b"[tool.uv" in (text := path.read_bytes()):
            digest.update(text + b"\0")
    return digest.hexdigest()


def uv(program: Path, words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run uv in `folder`. Raises CliError when it does not start or takes longer than SECONDS_MAX."""
    own = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "UV_PROJECT")}
    own |= {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1", "NO_COLOR": "1", "UV_PYTHON": sys.executable}
    own |= {"COLUMNS": "10000"}  # its sentences are read here, so they must not be folded to the width of a screen
    try:
        return subprocess.run(
            [program, *words],
            cwd=folder,
            env=own,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        raise CliError(
            f"uv found no answer within {SECONDS_MAX:.0f} s.", "Try again.", code="INDEX_UNREACHABLE"
        ) from None
    except OSError as broken:
        raise CliError(
            f"{program} does not run ({broken.strerror}).",
            "Reinstall it: python -m pip install --force-reinstall uv",
            code="UV_MISSING",
        ) from None
