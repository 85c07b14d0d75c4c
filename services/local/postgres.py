"""Our own Postgres launcher: a small server on a unix socket, open only to the person who started it.

Authentication is `peer`: the kernel tells the server who connects, so there is no password to leak or to lose.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from services.local.child import as_user, spawn
from services.local.postgres_binaries import Binaries, find_binaries, readable_for
from services.local.postgres_settings import HBA_FILE, IDENT_FILE, settings_for
from services.local.postgres_user import Place, place_for, shared_folder
from services.local.problem import Problem

DATABASE_USER = "rgrid"
READY_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data folder that is initialised, the binaries that fit it, and where its socket goes."""

    binaries: Binaries
    place: Place
    notes: tuple[str, ...] = ()
    """What was mended on the way, in words."""

    @property
    def dsn(self) -> str:
        return dsn_of(self.place)


def dsn_of(place: Place) -> str:
    """How clients of ours reach the Postgres of `place`."""
    return f"postgresql://{DATABASE_USER}@/postgres?host={quote(str(place.sockets), safe='')}"


def prepare_cluster(home: Path) -> Cluster:
    """Make or check the data folder of `home`; mends what is safe to mend. Raises Problem or OSError."""
    return prepare(place_for(home))


def prepare(place: Place) -> Cluster:
    """The same for a known place."""
    notes = _set_half_made_aside(place.data)
    made_by = place.data / "PG_VERSION"
    binaries = find_binaries(int(made_by.read_text()) if made_by.exists() else None, place.data)
    if place.user is not None:
        binaries = readable_for(binaries, place.user, shared_folder())
    if not made_by.exists():
        _initialise(binaries, place)
    _write_access(place.room)
    return Cluster(binaries, place, tuple(notes))


def launch_postgres(cluster: Cluster, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the server; SIGINT stops it fast and cleanly, which is also what it gets when we vanish."""
    place = cluster.place
    command: list[str | Path] = [cluster.binaries.folder / "postgres", "-D", place.data]
    for name, value in settings_for(cluster.binaries.major, place.room, place.sockets).items():
        command += ["-c", f"{name}={value}"]
    return spawn(command, log=log, env=_environment(), death_signal=signal.SIGINT, user=place.user)


def is_ready(cluster: Cluster, pid: int) -> bool:
    """Whether the server `pid` accepts connections; it says so itself in the last line of postmaster.pid."""
    try:
        lines = (cluster.place.data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def wait_for_postgres(cluster: Cluster, process: subprocess.Popen[bytes]) -> None:
    """Return once it accepts connections. Raises Problem when it ended or stays silent."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        if is_ready(cluster, process.pid):
            return
        time.sleep(0.01)
    raise Problem("Postgres did not come up.", f"Exit code: {process.poll()}.", "See its log, or: rgrid doctor")


def is_whole(data: Path) -> bool:
    """Whether a data folder holds what no server starts without."""
    return (data / "PG_VERSION").exists() and (data / "global" / "pg_control").exists()


def _set_half_made_aside(data: Path) -> list[str]:
    """initdb builds beside and renames, so half a folder was damaged otherwise; what it held, the log rebuilds."""
    if not data.exists() or is_whole(data):
        return []
    return [set_aside(data, "The Postgres folder was half made")]


def set_aside(data: Path, why: str) -> str:
    """Move a folder away that no server can use; what was done, in words."""
    broken = data.with_name(f"{data.name}.broken")
    shutil.rmtree(broken, ignore_errors=True)
    data.rename(broken)
    return f"{why}: it is now {broken}, a new one is rebuilt from the log."


def _initialise(binaries: Binaries, place: Place) -> None:
    """initdb into a folder beside, renamed when complete: a start that was killed leaves nothing half made."""
    for leftover in place.room.glob(f"{place.data.name}.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    beside = place.data.with_name(f"{place.data.name}.new-{os.getpid()}")
    beside.mkdir(mode=0o700)
    if place.user is not None:
        os.chown(beside, place.user.pw_uid, place.user.pw_gid)
    command: list[str | Path] = [binaries.folder / "initdb", "-D", beside, "-U", DATABASE_USER, "-A", "peer"]
    command += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, errors="replace", cwd="/", env=_environment(), check=False,
        **as_user(place.user),
    )  # fmt: skip
    if done.returncode != 0:
        shutil.rmtree(beside, ignore_errors=True)
        why = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        full = "No space left" in done.stderr
        raise Problem(
            f"Postgres could not make its data folder {place.data}.",
            why,
            "Make room on the disk, then: rgrid up" if full else "Check the set-up: rgrid doctor",
            code="DISK_FULL" if full else "POSTGRES_INIT",
        )
    beside.rename(place.data)


def _write_access(room: Path) -> None:
    """Only the user who runs the grid may connect, as the kernel knows them."""
    me = pwd.getpwuid(os.geteuid()).pw_name
    (room / HBA_FILE).write_text("local all all peer map=rgrid\n")
    (room / IDENT_FILE).write_text(f'rgrid "{me}" {DATABASE_USER}\n')
    for name in (HBA_FILE, IDENT_FILE):
        (room / name).chmod(0o644)


def _environment() -> dict[str, str]:
    """Ours without PG* variables, which would redirect it, and without the grid's secrets."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PG", "RGRID_", "LC_", "LANG"))
    } | {"LC_ALL": "C"}
