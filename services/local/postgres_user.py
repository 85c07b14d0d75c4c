"""As whom Postgres runs and where its data may live: it refuses root, and that user cannot enter a 0700 home of root's."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
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
    """This home's folder for Postgres, with a name of its own, linked from the home and naming it.

    A home that was removed and made anew at the same place gets another: what the old room remembers is not in the new
    log. It stays root's and others may only pass through it, so nobody can put a link where root is about to write.
    """
    shared = shared_folder()
    _sweep(shared)
    link = home / "pg"
    known = link.readlink() if link.is_symlink() else None
    if known is not None and known.parent == shared and _home_of(known) in (None, home.resolve()):
        room = _own_folder(known, 0o711)
    else:
        room = _own_folder(shared / secrets.token_hex(6), 0o711)
        link.unlink(missing_ok=True)
        link.symlink_to(room)
    (room / "home").write_text(f"{home.resolve()}\n")
    return room


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
    """Remove the rooms that no home leads to any more: what they held was rebuildable from a log that is gone as well."""
    for record in shared.glob("*/home"):
        room = record.parent
        if _home_of(room) is None and not _served(room / "data"):
            shutil.rmtree(room, ignore_errors=True)


def _home_of(room: Path) -> Path | None:
    """The home that `room` names and that leads to it; None when there is none (any more)."""
    try:
        home = Path((room / "home").read_text().strip())
        return home if (home / "pg").readlink() == room else None
    except OSError:
        return None


def _served(data: Path) -> bool:
    """Whether a server still runs there; the pid file of one that was killed says nothing."""
    try:
        pid = int((data / "postmaster.pid").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return False
    return Path(f"/proc/{pid}").exists()
