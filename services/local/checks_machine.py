"""What `doctor` asks of the machine: programs, rights, room."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from services.local.check import Check, checked
from services.local.check_docker import containers
from services.local.external_nats import check_nats
from services.local.external_postgres import check_postgres
from services.local.external_s3 import check_s3
from services.local.home import DISK_FREE_BYTES_MIN, Home, check_private, read_json
from services.local.lock import holder
from services.local.nats_server import check_version, find_nats_server
from services.local.ports import is_free
from services.local.postgres_binaries import find_binaries
from services.local.problem import Problem
from services.runtime.settings import Settings

DISK_FREE_BYTES_GOOD = 1 << 30
CGROUP = Path("/sys/fs/cgroup")
BWRAP_TRIAL = ("--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "true")


def machine_checks(home: Home, settings: Settings) -> Iterator[Check]:
    """Every row about the machine, in the order it is read."""
    yield Check("python", "ok", f"{platform.python_version()} · {sys.executable}")
    yield checked("nats-server", lambda: _nats(settings))
    yield checked("postgres", lambda: _postgres(home, settings))
    if settings.s3_endpoint:
        yield checked("s3", lambda: f"{check_s3(settings)} · yours, by RGRID_S3_ENDPOINT")
    yield bubblewrap()
    yield from containers(settings)
    yield cgroup()
    yield disk(home)
    yield checked("home", lambda: _home(home))
    yield from ports(home)


def bubblewrap() -> Check:
    """Present is not enough: a container or a hardened kernel may forbid what it does."""
    found = shutil.which("bwrap")
    install = "Scripts run with resource limits only, seeing your files. Install it: apt-get install bubblewrap"
    if found is None:
        return Check("bubblewrap", "warn", "not installed", install)
    tried = subprocess.run([found, *BWRAP_TRIAL], capture_output=True, text=True, timeout=10, check=False)
    if tried.returncode != 0:
        why = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        fix = "Scripts run with resource limits only. Allow user namespaces: sysctl kernel.unprivileged_userns_clone=1"
        return Check("bubblewrap", "warn", f"{found} does not work here ({why})", fix)
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.split()[-1:]
    return Check("bubblewrap", "ok", f"{' '.join(version)} · {found} · works")


def cgroup() -> Check:
    """Whether the kernel can hold a script to its memory."""
    if (CGROUP / "cgroup.controllers").exists():
        version, folder = "v2", CGROUP / _own_group()
    else:
        version, folder = "v1", CGROUP / "memory"
    if os.access(folder, os.W_OK):
        return Check("cgroup", "ok", f"{version} · memory limits by the kernel")
    fix = "Memory limits are kept by rlimits instead. For kernel limits run as root or in a delegated systemd scope."
    return Check("cgroup", "warn", f"{version} · not writable for this user", fix)


def disk(home: Home) -> Check:
    """Room below the home, or where it will be made."""
    folder = next(each for each in (home.root, *home.root.parents) if each.exists())
    free = shutil.disk_usage(folder).free
    message = f"{free / (1 << 30):.1f} GiB free below {folder}"
    if free < DISK_FREE_BYTES_MIN:
        return Check("disk", "fail", message, f"The grid does not start. Make room: df -h {folder}")
    low = free < DISK_FREE_BYTES_GOOD
    return Check("disk", "warn" if low else "ok", message, "Outputs and logs may not fit." if low else "")


def ports(home: Home) -> Iterator[Check]:
    """The kept ports of a grid that is down: will they be free?"""
    kept = read_json(home.ports) or {}
    if holder(home) is not None:
        return
    taken = [f"{name} {port}" for name, port in kept.items() if isinstance(port, int) and not is_free(port)]
    if taken:
        yield Check("ports", "warn", f"taken by another program: {', '.join(taken)}", "The next start picks others.")
    else:
        yield Check(
            "ports", "ok", ", ".join(f"{name} {port}" for name, port in kept.items()) or "chosen at first start"
        )


def _nats(settings: Settings) -> str:
    if settings.nats_url:
        return f"{check_nats(settings)} · yours, by RGRID_NATS_URL"
    binary = find_nats_server()
    return f"{check_version(binary)} · {binary}"


def _postgres(home: Home, settings: Settings) -> str:
    if settings.postgres_dsn:
        return f"{check_postgres(settings.postgres_dsn)} · yours, by RGRID_POSTGRES_DSN"
    data = home.root / "pg" / "data"
    made_by = data / "PG_VERSION"
    found = find_binaries(int(made_by.read_text()) if made_by.exists() else None, data)
    return f"{found.version} · {found.folder}"


def _home(home: Home) -> str:
    if not home.root.exists():
        return f"{home.root} · made at first start"
    check_private(home.root)
    for file in (home.secrets, home.credentials):
        if file.exists() and file.stat().st_mode & 0o077:
            raise Problem(f"{file} can be read by others.", fix=f"chmod 600 {file}     then: rgrid keys")
    return f"{home.root} · private"


def _own_group() -> str:
    try:
        return Path("/proc/self/cgroup").read_text().strip().rpartition("::")[2].lstrip("/")
    except OSError:
        return ""
