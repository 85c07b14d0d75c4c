"""Memory in every form in which it can be taken, and the kernel's word on who took it."""

from __future__ import annotations

import pytest

from tests.hostile.arena import Arena
from tests.hostile.attacks import CONFINED, EVERYWHERE, MIB, Attack, each

pytestmark = pytest.mark.asyncio(loop_scope="session")

ONE = "held = []\nwhile True: held.append(bytes(1 << 20))"
BY_CHILDREN = """
import os, time
for _ in range(4):
    if os.fork() == 0:
        held = [bytes([1]) * (1 << 20) for _ in range(48)]
        time.sleep(1)
        os._exit(0)
for _ in range(4):
    os.wait()
"""
CHILD = """
import os
if os.fork() == 0:
    held = []
    while True: held.append(bytes(1 << 20))
print("child:", os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""
FILLS = """
import os, sys
try:
    with open(sys.argv[1], "wb", 0) as file:
        for _ in range(400): file.write(bytes(1 << 20))
except OSError as error:
    print(error.strerror, flush=True)
"""
FILLS_BOTH = """
for path in ("/tmp/a", "/dev/shm/b"):
    try:
        with open(path, "wb", 0) as file:
            for _ in range(400): file.write(bytes(1 << 20))
    except OSError: pass
"""
INODES = """
import os
try:
    for number in range(10_000_000): os.close(os.open(f"/tmp/{number}", os.O_CREAT | os.O_WRONLY))
except OSError: print("no more", flush=True)
"""
MEMFD = "import os\nfd = os.memfd_create('x')\nwhile True: os.write(fd, bytes(1 << 20))"
SYSTEM_V = """
import ctypes
libc = ctypes.CDLL(None); libc.shmat.restype = ctypes.c_void_p
while True:
    at = libc.shmat(libc.shmget(0, 8 << 20, 0o1600), None, 0)
    ctypes.memset(at, 1, 8 << 20)
"""
LOCKED = """
import ctypes, mmap
page = mmap.mmap(-1, 64 << 20); libc = ctypes.CDLL(None, use_errno=True)
at = ctypes.addressof(ctypes.c_char.from_buffer(page))
print("locked" if libc.mlock(ctypes.c_void_p(at), 64 << 20) == 0 else "refused", flush=True)
"""
PIPES = """
import fcntl, os
held = []
try:
    while True:
        reading, writing = os.pipe(); held.append((reading, writing)); os.set_blocking(writing, False)
        try: fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)
        except OSError: pass
        try: os.write(writing, bytes(1 << 20))
        except OSError: pass
except OSError as error:
    print(error.strerror, flush=True)
"""
SOCKETS = """
import socket
held = []
try:
    while True:
        pair = socket.socketpair(); held.append(pair); pair[0].setblocking(False)
        try:
            while True: pair[0].send(bytes(1 << 17))
        except OSError: pass
except OSError as error:
    print(error.strerror, flush=True)
"""
DEEP = "import sys; sys.setrecursionlimit(10**9)\nx = []\nfor _ in range(10**8): x = [x]\nrepr(x)"
OOM = ("OUT_OF_MEMORY",)

ATTACKS = [
    Attack("one process", ONE, ends=OOM, where=EVERYWHERE),
    Attack("four children", BY_CHILDREN + "raise SystemExit(1)", ends=OOM, where=EVERYWHERE),
    Attack("a child, and the parent goes on", CHILD, says="child: -9", where=EVERYWHERE),
    Attack("a child, and the parent fails of it", CHILD + "raise SystemExit(1)", ends=OOM, where=EVERYWHERE),
    Attack("reserved only", "import mmap\nmmap.mmap(-1, 1 << 40, flags=0x4022)\nprint('dreams')", says="dreams"),
    Attack("/tmp", FILLS, args=("/tmp/big",), ends=("OK", *OOM)),
    Attack("/dev/shm", FILLS, args=("/dev/shm/big",), ends=("OK", *OOM)),
    Attack("/tmp and /dev/shm", FILLS_BOTH, ends=OOM),
    Attack("names in /tmp", INODES, ends=("OK", *OOM), memory=64 * MIB),
    Attack("a file without a name", MEMFD, ends=OOM, where=EVERYWHERE),
    Attack("shared memory of old", SYSTEM_V, ends=OOM),
    Attack("locked pages", LOCKED),
    Attack("full pipes", PIPES, ends=("OK", *OOM)),
    Attack("full sockets", SOCKETS, ends=("OK", *OOM)),
    Attack("lists in lists", DEEP, ends=(*OOM, "SIGNAL", "EXIT_CODE")),
]


@each(ATTACKS)
async def test_it_takes_no_more_than_it_was_given(ring: Arena, attack: Attack) -> None:
    await ring.attack(attack)


@each([attack for attack in ATTACKS if attack.ends == OOM and attack.where == CONFINED][:1])
async def test_the_reason_names_the_limit(ring: Arena, attack: Attack) -> None:
    _, result = await ring.attack(attack)
    assert "128 MiB" in result.reason.message and "--memory" in result.reason.hint
