"""As whom Postgres runs and where its data may live: it refuses root, and that user cannot enter a 0700 home of root's."""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from services.local.problem import Problem

SHARED = Path("/var/lib/rgrid")
SOCKET_PATH_MAX = 100
"""Linux allows 107 bytes for `<folder>/.s.PGSQL.5432`; some are left for what clients append."""


@dataclass(frozen=True, slots=True)
class Place:
    """`room` is ours; `data` and `sockets` belong to the `user` that Postgres must drop to (None: as we are)."""

    room: Path
    data: Path
    sockets: Path
    user: pwd.struct_passwd | None


def place_for(home: Path) -> Place:
    """Where the Postgres of `home` lives; folders exist with mode 0700 afterwards, nobody's modes were loosened."""
    if os.geteuid() != 0:
        room = _own_folder(home / "pg", 0o700)
        return Place(room, room / "data", socket_folder(home / "run", home), None)
    user = unprivileged()
    room = _room(home)
    return Place(room, room / "data", _own_folder(room / "run", 0o700, user), user)


def unprivileged() -> pwd.struct_passwd:
    """`postgres`, else `nobody`; initdb wants a user that the system knows."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Problem(
        "Postgres refuses to run as root, and neither the user postgres nor nobody exists.",
        fix="Add one (useradd --system postgres), or start rgrid as an ordinary user.",
        code="POSTGRES_USER",
    )


def socket_folder(preferred: Path, home: Path) -> Path:
    """`preferred`, or a short folder of ours in the temp dir when a socket's path would be too long for the kernel."""
    if len(os.fsencode(preferred / ".s.PGSQL.5432")) <= SOCKET_PATH_MAX:
        preferred.mkdir(mode=0o700, parents=True, exist_ok=True)
        return preferred
    short = Path(tempfile.gettempdir()) / f"rgrid-{os.geteuid()}-{digest(home)}"
    return _own_folder(short, 0o700)


def digest(home: Path) -> str:
    return hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:12]


def shared_folder() -> Path:
    """The world-readable folder of ours for root's grids: the rooms of their Postgres, copies of binaries."""
    for folder in (SHARED, Path(tempfile.gettempdir()) / "rgrid-shared"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)
        except OSError:
            continue
        if folder.stat().st_uid == os.geteuid():
            return folder
    raise Problem(f"Neither {SHARED} nor the temp dir can hold a folder of ours.", fix=f"Make it: mkdir -p {SHARED}")


def _room(home: Path) -> Path:
    """This home's folder for Postgres: named after the home, linked from it, and naming it.

    It stays root's and others may only pass through it, so nobody can put a link where root is about to write.
    """
    shared = shared_folder()
    _sweep(shared)
    link = home / "pg"
    if not link.is_symlink() and not link.exists():
        _forget(shared / digest(home))
    room = _own_folder(shared / digest(home), 0o711)
    (room / "home").write_text(f"{home.resolve()}\n")
    if not link.is_symlink() and not link.exists():
        link.symlink_to(room)
    return room


def _forget(room: Path) -> None:
    """A home that is new must not inherit what another at the same path had read from a log that is gone."""
    try:
        pid = int((room / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        shutil.rmtree(room, ignore_errors=True)


def _own_folder(folder: Path, mode: int, user: pwd.struct_passwd | None = None) -> Path:
    """`folder`, made for `user` (None: us); refuses one that somebody else put there first."""
    uid, gid = (user.pw_uid, user.pw_gid) if user else (os.geteuid(), os.getegid())
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.lstat().st_uid not in (uid, os.geteuid()):
        raise Problem(
            f"{folder} belongs to somebody else.", "Its sockets could be theirs.", f"Remove it: rm -r {folder}"
        )
    os.chown(folder, uid, gid)
    folder.chmod(mode)
    return folder


def _sweep(shared: Path) -> None:
    """Remove the rooms of homes that are gone: what they held was rebuildable from a log that is gone as well."""
    for record in shared.glob("*/home"):
        home = Path(record.read_text().strip() or "/")
        room = record.parent
        if not home.exists() and not (room / "data" / "postmaster.pid").exists():
            shutil.rmtree(room, ignore_errors=True)
