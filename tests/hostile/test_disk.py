"""The node's disk, and what a script leaves on it."""

from __future__ import annotations

import pytest

from tests.hostile.arena import Arena
from tests.hostile.attacks import EVERYWHERE, MIB, Attack, each

pytestmark = pytest.mark.asyncio(loop_scope="session")

LARGE = "file = open('big', 'wb', 0)\nwhile True: file.write(bytes(1 << 20))"
MANY = "n = 0\nwhile True:\n    n += 1\n    with open(f'part{n}', 'wb', 0) as file: file.write(bytes(1 << 20))"
DELETED = """
import os, time
fd = os.open("gone", os.O_CREAT | os.O_RDWR); os.unlink("gone")
held = [fd]
while True:
    fd = os.open(f"gone", os.O_CREAT | os.O_RDWR); os.unlink("gone"); held.append(fd)
    os.write(fd, bytes(1 << 20)); time.sleep(0.005)
"""
HIDDEN = """
import os, time
os.mkdir("d")
for n in range(60):
    with open(f"d/{n}", "wb", 0) as file: file.write(bytes(1 << 20))
os.chmod("d", 0)
time.sleep(1000)
"""
ALLOCATED = (
    "import os, time\nfor n in range(9):\n    os.posix_fallocate(os.open(str(n), 66), 0, 9 << 20)\ntime.sleep(1000)"
)
EMPTY = """
import os
for folder in range(1000):
    os.mkdir(str(folder))
    for n in range(2000): os.close(os.open(f"{folder}/{n}", os.O_CREAT | os.O_WRONLY))
"""
LINKS = """
import os
open("one", "w").write("x")
try:
    for n in range(100_000): os.link("one", f"two{n}")
except OSError: pass
os.unlink("one")
for n in range(1, 100_000):
    try: os.unlink(f"two{n}")
    except OSError: break
print("linked")
"""
DEEP = """
import os
for _ in range(3000):
    os.mkdir("d" * 200); os.chdir("d" * 200)
open("treasure", "w")
"""
LOCKED_UP = """
import os
os.mkdir("a"); os.mkdir("a/b"); open("a/b/c", "w").write("x"); os.chmod("a/b", 0); os.chmod("a", 0)
"""
FULL = {"ends": ("DISK_LIMIT",), "disk": 40 * MIB, "where": EVERYWHERE, "timeout": 60.0}

ATTACKS = [
    Attack("one large file", LARGE, **FULL),
    Attack("many files", MANY, **FULL),
    Attack("files without a name", DELETED, **FULL),
    Attack("behind a closed door", HIDDEN, **FULL),
    Attack("allocated, never written", ALLOCATED, **FULL),
    Attack("links by the thousand", LINKS, says="linked", outputs=("two0",), where=EVERYWHERE),
    Attack("a deep tree", DEEP, outputs=(), refused=None, where=EVERYWHERE),
    Attack("folders that nobody may enter", LOCKED_UP, outputs=("a/b/c",), where=EVERYWHERE),
    Attack("empty files by the million", EMPTY, ends=("DISK_LIMIT",), disk=40 * MIB, timeout=60.0, where=EVERYWHERE),
]


@each(ATTACKS)
async def test_it_fills_no_more_than_it_was_given(ring: Arena, attack: Attack) -> None:
    await ring.attack(attack)
