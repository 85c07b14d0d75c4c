"""Find the grid: flag, environment, then the credentials that `rgrid up` leaves; start one where `run` finds none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import CliError, NotSignedIn, Unreachable, UsageProblem
from ..terminal.screen import state

EMBEDDED = "rgrid up"
"""The `source` of the grid of this home."""
RESTORED_SECONDS_MAX = 5.0
"""Longer than a supervisor takes to notice that its grid.json is damaged."""
LOOPBACK = ("127.0.0.1", "localhost", "::1")
OWN_VARIABLES: tuple[str, ...] = (
    "RUNTIME",
    "CPU",
    "MEMORY",
    "TIMEOUT",
    "NETWORK",
    "RETRIES",
    "NAME",
    "PROJECT",
    "PRIORITY",
    "TAG",
    "ENV",
)
OWN_VARIABLES += ("INPUT", "OUTPUT", "REMOTE_ONLY", "DETACH", "API_URL", "API_KEY", "DISK", "PARALLEL", "MAX_FAILURES")
OWN_VARIABLES += ("MEMOIZE", "FAIL_FAST", "FLAT", "WATCH", "REQUIREMENTS", "NO_DEPS", "ALLOW_BUILDS", "IMAGE", "COLD")


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the gateway is, with what key, and `source`: who said so (for the error that names it)."""

    url: str
    key: str
    source: str


def home() -> Path:
    """RGRID_HOME, default ~/.rgrid."""
    return Path(os.environ.get("RGRID_HOME") or Path.home() / ".rgrid")


def find(api_url: str = "", *, start: bool = False) -> Grid:
    """The grid to talk to. Raises Unreachable when none is known, unless `start`: then one is started here."""
    if api_url:
        return Grid(checked(api_url, "--api-url"), key_for(api_url), "--api-url")
    if url := os.environ.get("RGRID_API_URL"):
        return Grid(checked(url, "RGRID_API_URL"), key_for(url), "RGRID_API_URL")
    known = read_json(home() / "credentials")
    here = running()
    if here:
        url = here.get("api_url") or known.get("api_url", "")
        return Grid(checked(url, "grid.json"), os.environ.get("RGRID_API_KEY") or known.get("api_key", ""), EMBEDDED)
    url = str(known.get("api_url", ""))
    if url and urlsplit(url).hostname not in LOOPBACK:
        return Grid(checked(url, "credentials"), key_for(url), str(home() / "credentials"))
    if not start:
        raise Unreachable("No grid runs here.", "Start one: rgrid up", code="NO_GRID")
    launch()
    return find()


def running() -> dict[str, Any]:
    """What the embedded grid of this home says of itself, if its supervisor lives.

    A grid.json that is damaged or another's is written again by the supervisor: that is waited for.
    """
    deadline = time.monotonic() + RESTORED_SECONDS_MAX
    while True:
        said, holder = read_json(home() / "grid.json"), read_json(home() / "run" / "lock")
        supervisor = pid_of(holder)
        if not supervisor or not is_alive(supervisor, holder.get("started_ticks")):
            return {}
        if pid_of(said) == supervisor and said.get("api_url"):
            return said
        if not (home() / "grid.json").exists() or time.monotonic() > deadline:
            return {}
        time.sleep(0.1)


def pid_of(said: dict[str, Any]) -> int:
    """The pid that a file names; 0 when it names none."""
    pid = said.get("pid")
    return pid if isinstance(pid, int) and pid > 0 else 0


def is_alive(pid: int, ticks: int | None = None) -> bool:
    """Whether somebody runs as `pid`, since `ticks` after the boot if given: after a crash another program may have it."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return ticks is None or started_ticks(pid) in (None, ticks)


def started_ticks(pid: int) -> int | None:
    """When `pid` started, in ticks since the boot; None where /proc does not say."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return None


def launch() -> None:
    """Start the embedded grid in the background and say so; raises CliError with its words when it does not come up."""
    state("busy", "starting", "no grid runs here yet: one starts in the background · rgrid down stops it")
    words = [sys.executable, "-P", "-m", "services.local", "up", "-d"]  # -P: a folder here named services is not meant
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, errors="replace")
    if done.returncode or not running():
        said = "\n".join((done.stderr + done.stdout).strip().splitlines()[-15:])
        raise CliError("The grid did not start.", f"{said}\nLook for the cause: rgrid doctor".strip(), code="NO_GRID")


def environment() -> dict[str, str]:
    """Our environment without what only the command line reads, for the processes of the grid."""
    own = {f"RGRID_{name}" for name in OWN_VARIABLES}
    return {name: value for name, value in os.environ.items() if name not in own}


def key_for(url: str) -> str:
    """RGRID_API_KEY, or the stored key if it was stored for this very address: a key goes nowhere else."""
    if key := os.environ.get("RGRID_API_KEY"):
        return key
    known = read_json(home() / "credentials")
    if str(known.get("api_url", "")).rstrip("/") == url.rstrip("/") and known.get("api_key"):
        return str(known["api_key"])
    here = running()
    if str(here.get("api_url", "")).rstrip("/") == url.rstrip("/") and known.get("api_key"):
        return str(known["api_key"])
    raise NotSignedIn(
        f"There is no key for the grid at {url}.",
        "Set one: export RGRID_API_KEY=rgk_…      Make one where you are signed in: rgrid keys create",
    )


def checked(url: str, source: str) -> str:
    """`url` without a trailing slash or /api/v1; raises UsageProblem if it is no http(s) address."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageProblem(f"{url!r} (from {source}) is not an address such as http://127.0.0.1:8080")
    return url.rstrip("/").removesuffix("/api/v1")


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`; empty when there is none that can be read."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
