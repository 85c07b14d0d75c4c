"""Descriptors and everything that they can stand for."""

from __future__ import annotations

import pytest

from tests.hostile.arena import Arena
from tests.hostile.attacks import EVERYWHERE, Attack, each

pytestmark = pytest.mark.asyncio(loop_scope="session")

UNTIL = """
import ctypes, os, select, socket, resource
libc, held = ctypes.CDLL(None, use_errno=True), []
try:
    while True:
        fd = {}
        if isinstance(fd, int) and fd < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        held.append(fd)
except OSError as error:
    print("no more", len(held) < 5000, flush=True)
"""
KINDS = {
    "files": "os.open('/dev/null', os.O_RDONLY)",
    "pipes": "os.pipe()",
    "sockets": "socket.socketpair()",
    "terminals": "os.openpty()",
    "events": "os.eventfd(0)",
    "watches of events": "select.epoll()",
    "watches of files": "libc.inotify_init()",
    "timers": "libc.timerfd_create(1, 0)",
    "watches of signals": "libc.signalfd(-1, bytes(128), 0)",
    "memory": "os.memfd_create('x')",
    "processes": "os.pidfd_open(os.getpid())",
}
BY_CHILDREN = """
import os, time
print("begun", flush=True)
for _ in range(60):
    if os.fork() == 0:
        try:
            while True: os.open("/dev/null", os.O_RDONLY)
        except OSError: time.sleep(1000)
time.sleep(1000)
"""

ATTACKS = [
    Attack(f"{kind} until there are no more", UNTIL.format(make), says="no more True") for kind, make in KINDS.items()
]
ATTACKS += [
    Attack(
        "by its children",
        BY_CHILDREN,
        ends=("CANCELLED", "OUT_OF_MEMORY"),
        says="begun",
        goes_on=0.5,
        where=EVERYWHERE,
    ),
]


@each(ATTACKS)
async def test_it_runs_out_of_them_alone(ring: Arena, attack: Attack) -> None:
    await ring.attack(attack)
