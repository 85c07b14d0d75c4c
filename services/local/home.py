"""The folder that holds a whole embedded grid, private to its owner: what lies where, and how its files are written."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.local.problem import Problem, from_os_error

DISK_FREE_BYTES_MIN = 64 << 20


@dataclass(frozen=True, slots=True)
class Home:
    """$RGRID_HOME: folders 0700, files 0600."""

    root: Path

    @property
    def grid(self) -> Path:
        """Where the running grid is found; exists only while it is ready."""
        return self.root / "grid.json"

    @property
    def credentials(self) -> Path:
        return self.root / "credentials"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.json"

    @property
    def ports(self) -> Path:
        return self.root / "ports.json"

    @property
    def lock(self) -> Path:
        return self.root / "run" / "lock"

    @property
    def children(self) -> Path:
        return self.root / "run" / "children.json"

    @property
    def nats(self) -> Path:
        return self.root / "nats"

    @property
    def artifacts(self) -> Path:
        return self.root / "artifacts"

    def log(self, name: str) -> Path:
        return self.root / "logs" / f"{name}.log"


def home_from(environment: dict[str, str] | os._Environ[str]) -> Home:
    """The home that the environment names, ~/.rgrid otherwise."""
    return Home(Path(environment.get("RGRID_HOME") or "~/.rgrid").expanduser().absolute())


def make_home(home: Home) -> None:
    """Make what is missing. Raises Problem: not ours, not a folder, open to others, or no room on the disk."""
    try:
        for folder in (home.root, *(home.root / name for name in ("run", "logs", "nats", "artifacts", "node"))):
            folder.mkdir(mode=0o700, parents=folder == home.root, exist_ok=True)
        check_private(home.root)
        free = os.statvfs(home.root)
        probe = home.root / "run" / f"probe-{os.getpid()}"
        probe.write_bytes(b"\0" * 65536)
        probe.unlink()
    except FileExistsError as error:
        raise Problem(f"{error.filename} is a file, not a folder.", fix="Choose another RGRID_HOME.") from error
    except OSError as error:
        raise from_os_error(error, home.root) from error
    if free.f_bavail * free.f_frsize < DISK_FREE_BYTES_MIN:
        raise Problem(
            f"The disk that holds {home.root} has only {free.f_bavail * free.f_frsize >> 20} MiB left.",
            f"The grid needs {DISK_FREE_BYTES_MIN >> 20} MiB to start and more to work.",
            f"Make room (df -h {home.root}), then: rgrid up",
            code="DISK_FULL",
        )


def check_private(folder: Path) -> None:
    """Problem when `folder` is somebody else's or lets others in: it holds keys."""
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise Problem(f"{folder} belongs to user {found.st_uid}, not to you.", fix="Choose another RGRID_HOME.")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise Problem(
            f"{folder} is open to other users (mode {stat.S_IMODE(found.st_mode):04o}).",
            "It holds keys and people's data.",
            f"Close it: chmod 700 {folder}",
            code="HOME_OPEN",
        )


def write_private(path: Path, text: str) -> None:
    """Replace `path` with `text` in one step, mode 0600: a reader sees the old or the new, never half."""
    beside = path.with_name(f".{path.name}.new-{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def write_json(path: Path, value: Any) -> None:
    write_private(path, json.dumps(value, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in `path`; None when it is missing or damaged."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
