"""Keeps scripts with the network of the machine from the address at which a cloud hands out what its machines may do.

Where the runner is root, scripts are users of their own, and the kernel can tell their packets from all others. Names are
still asked for there: with some clouds the same address is the resolver.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from services.runner.sandbox.box import BOX_UID

log = logging.getLogger("rgrid.runner")

USERS = f"{BOX_UID - 1}-{BOX_UID}"
"""Scripts, and the interpreters that are kept warm for them."""
PLACES = (("iptables", "169.254.0.0/16", Path("/proc/net")), ("ip6tables", "fd00:ec2::254", Path("/proc/net/if_inet6")))
"""The program that keeps it, the place (most clouds use 169.254.169.254), and what is there where that can be reached."""
RESOLVER = "53"
LOCK = Path("/run/rgrid-metadata.lock")
LOOK_SECONDS = 60.0
WAIT_SECONDS = "5"


def why_open() -> str:
    """Why it cannot be blocked here, empty when it can."""
    if os.geteuid() != 0:
        return "only root can block it"
    return "" if shutil.which(PLACES[0][0]) else "apt-get install iptables"


@contextlib.asynccontextmanager
async def blocked(lock: Path = LOCK) -> AsyncIterator[str]:
    """Meanwhile it is blocked; yields why it is not, or nothing. The last of several runners takes the rules away.

    Whoever tidies the rules of the machine takes ours away, too: they are looked at once a minute.
    """
    why = why_open()
    if why:
        yield why
        return
    fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    keeping: asyncio.Task[None] | None = None
    try:
        await asyncio.to_thread(fcntl.flock, fd, fcntl.LOCK_SH)  # waits only for one that takes them away
        why = await _block()
        keeping = asyncio.create_task(_keep())
        yield why
    finally:
        if keeping is not None:
            keeping.cancel()
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            await _unblock()
        os.close(fd)


def blocked_for(kind: str) -> contextlib.AbstractAsyncContextManager[str]:
    """`blocked` for boxes that share the network of the machine; containers have one of their own."""
    return blocked() if kind == "bubblewrap" else contextlib.nullcontext("")


async def _keep() -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if why := await _block():
            log.warning("the metadata address is open to scripts with --network: %s", why)


async def _block() -> str:
    """See that every rule is there; why one cannot be, or nothing."""
    for program, rule in _rules():
        if await _said(program, "-C", *rule) and (why := await _said(program, "-I", *rule)):
            return why
    return ""


async def _unblock() -> None:
    """Take every rule away, also those that two runners made at the same moment."""
    for program, rule in _rules():
        while not await _said(program, "-D", *rule):
            pass


def _rules() -> list[tuple[str, tuple[str, ...]]]:
    """(program, rule); the second family only where its program is."""
    whose = ("-m", "owner", "--uid-owner", USERS)
    return [
        (program, ("OUTPUT", "-d", address, "-p", protocol, "!", "--dport", RESOLVER, *whose, "-j", "REJECT"))
        for program, address, family in PLACES
        if family.exists() and shutil.which(program)
        for protocol in ("tcp", "udp")
    ]


async def _said(program: str, *arguments: str) -> str:
    """What it complains of, empty when it did what it was told."""
    pipe, quiet = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    command = (program, "-w", WAIT_SECONDS, *arguments)
    done = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=pipe)
    _, complaint = await done.communicate()
    return "" if done.returncode == 0 else complaint.decode(errors="replace").strip()[:300] or f"{program} failed"
