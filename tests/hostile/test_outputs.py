"""What a script leaves where its outputs are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.execution.job import Limits
from tests.hostile.arena import Arena
from tests.hostile.attacks import EVERYWHERE, MIB, Attack, each

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINKS = """
import os, sys
for name, target in (("a", "/etc/shadow"), ("b", "/"), ("c", "."), ("d", "c"), ("e", sys.argv[1] + "/credentials")):
    os.symlink(target, name)
os.mkdir("f"); os.symlink("../../../../../etc", "f/g")
"""
HARD = """
import os, sys
for number, path in enumerate(("/etc/passwd", "/usr/bin/env", sys.argv[1] + "/credentials", "/proc/1/environ")):
    try: os.link(path, f"stolen{number}")
    except OSError: pass
open("own", "w").write("x"); os.link("own", "too")
"""
ODD = """
import os, socket, stat
os.mkfifo("fifo"); socket.socket(socket.AF_UNIX).bind("socket")
for name, kind in (("disk", stat.S_IFBLK), ("null", stat.S_IFCHR)):
    try: os.mknod(name, kind | 0o666, os.makedev(1, 3))
    except OSError: pass
"""
NAMES = r"""
import os
for name in (b"line\nbreak", b"-rf", b" ", b"\x1b[31mred", b"..hidden", b"...", b"*", b"con|aux", b"%2e%2e", b"x" * 255):
    open(name, "w").close()
open(b"bad\xff", "w").close()
"""
SHOWN = ("line\nbreak", "-rf", " ", "\x1b[31mred", "..hidden", "...", "*", "con|aux", "%2e%2e", "x" * 255)
SPARSE = """
import os
for n in range(20): os.truncate(os.open(f"hole{n:02}", os.O_CREAT | os.O_WRONLY), (64 << 20) - n)
"""
HUGE = "import os\ntry: os.truncate(os.open('hole', 66), 1 << 50)\nexcept OSError as e: print(e.strerror)\nos.unlink('hole')"
MANY_NAMES = """
import os
with open("one", "wb") as file: file.write(bytes(8 << 20))
for n in range(200): os.link("one", f"two{n:03}")
"""
BOMB = """
import io, zipfile
inner = io.BytesIO()
with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file: file.writestr("zeros", bytes(64 << 20))
with zipfile.ZipFile("bomb.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
    for n in range(100): file.writestr(f"{n}.zip", inner.getvalue())
"""
SUID = "import os\nopen('tool', 'w').write('#!/bin/sh'); os.chmod('tool', 0o6777); os.mkdir('d'); os.chmod('d', 0o7777)"
FAR = """
import os
for _ in range(16):
    os.mkdir("d" * 250); os.chdir("d" * 250)
open("far", "w").close()
"""
REPLACES = """
import os
os.chdir("/"); os.rename("/work/main.py", "/work/other.py")
for path in ("/work", "/work/.."):
    try: os.rmdir(path)
    except OSError: pass
try: os.rename("/work", "/gone")
except OSError: pass
os.chmod("/work", 0)
"""
CHILD_OF_CHILD = """
import os, time
if os.fork() == 0:
    os.setsid()
    while True:
        try: os.symlink("/etc/passwd", "x"); os.unlink("x")
        except OSError: pass
open("out", "w").write("x")
"""

ATTACKS = [
    Attack(
        "links to what is not its own",
        LINKS,
        args=("{home}",),
        refused=("a", "b", "c", "d", "e", "f/g"),
        where=EVERYWHERE,
    ),
    Attack("hard links to what is not its own", HARD, args=("{home}",), outputs=("own", "too")),
    Attack("a FIFO, a socket, devices", ODD, refused=("fifo", "socket")),
    Attack("odd names", NAMES, outputs=SHOWN, refused=("bad\\udcff",), where=EVERYWHERE),
    Attack("holes of a gigabyte", SPARSE, disk=100 * MIB, outputs=("hole00",), refused=None, where=EVERYWHERE),
    Attack("a hole of a petabyte", HUGE, says="File too large", where=EVERYWHERE),
    Attack("one file of many names", MANY_NAMES, disk=100 * MIB, outputs=None, refused=None, where=EVERYWHERE),
    Attack("a bomb to unpack", BOMB, outputs=("bomb.zip",), memory=256 * MIB, where=EVERYWHERE),
    Attack("modes of power", SUID, outputs=("tool",), where=EVERYWHERE),
    Attack("a path too long to open", FAR, refused=None, where=EVERYWHERE),
    Attack("its folder itself", REPLACES, outputs=("other.py",)),
    Attack("files that come and go to the last", CHILD_OF_CHILD, outputs=("out",), refused=None, where=EVERYWHERE),
]


@each(ATTACKS)
async def test_only_what_is_its_own_comes_home(ring: Arena, attack: Attack) -> None:
    _, result = await ring.attack(attack)
    assert result.outputs.size_bytes <= attack.disk
    assert all(file.mode & 0o7000 == 0 for file in result.outputs.entries)


HANDS_OVER = """
import os, socket, sys, time
os.mkdir("d"); open("d/f", "w").write("x"); open("g", "w").write("y")
held = os.open(".", os.O_RDONLY)
with socket.socket(socket.AF_UNIX) as line:
    while True:
        try: line.connect("\\0rgrid-hostile-" + sys.argv[1]); break
        except OSError: time.sleep(0.01)
    socket.send_fds(line, [b"x"], [held]); line.recv(1)
"""
TAKES_OVER = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None)
with socket.socket(socket.AF_UNIX) as door:
    door.bind("\\0rgrid-hostile-" + sys.argv[1]); door.listen(); print("open", flush=True)
    line, _ = door.accept()
    _, fds, _, _ = socket.recv_fds(line, 1, 1)
os.chdir(fds[0]); os.mkfifo("fifo"); os.symlink("/", "root"); os.mkdir("e")
mine = [(os.open("d", os.O_RDONLY), 0o100), (os.open("g", os.O_RDONLY), 0o044)]
line.send(b"x")
while True:
    for one, other in ((b"g", b"fifo"), (b"d", b"root")):
        libc.renameat2(-100, one, -100, other, 2)
    for fd, mode in mine:
        os.fchmod(fd, mode)
"""


@pytest.mark.kept_by("bubblewrap", "warm")  # only boxes with the network of the machine can meet
async def test_a_folder_in_the_hands_of_another_run(sandbox: Arena) -> None:
    """Where scripts share a network they can share descriptors; the second outlives the first and swaps all it can."""
    mark = sandbox.kind
    options = {"network": True, "args": (mark,), "cold": sandbox.cold, "limits": Limits(500, 128 * MIB, 60)}
    taker = await sandbox.grid.send(await sandbox.grid.job(TAKES_OVER, **options))
    await sandbox.grid.until(lambda: sandbox.grid.log(taker, "stdout"))
    giver, result = await sandbox.run(HANDS_OVER, **options)
    assert result.status in ("succeeded", "lost"), sandbox.grid.log(taker, "stderr")
    await sandbox.grid.cancel(taker)
    await sandbox.grid.finished(taker)
    await sandbox.unharmed(giver)
    assert (sandbox.home.stat().st_mode & 0o777, Path("/").stat().st_mode & 0o777) == (
        0o700,
        0o755,
    )
