"""The same promises where the machine offers less: an ordinary user without control groups, and no sandbox at all."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.grid import GridUnderTest
from tests.fixtures.needs import requires
from tests.fixtures.ordinary_user import OrdinaryUser

RGRID = ("-c", "import sys; from cli.main import main; sys.exit(main())")
FORKS = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(600)
print("up", flush=True)
time.sleep(600)
"""
BLOCK = '# /// script\n# dependencies = ["six==1.17.0"]\n# ///\n'
USES = """
import time
held = bytearray(200 << 20)
for i in range(0, len(held), 4096):
    held[i] = 1
began = time.process_time()
while time.process_time() - began < 1:
    pass
print(int(time.process_time() * 1000))
"""


def left_of(marker: str) -> str:
    """The processes whose command line has `marker` (a box is gone a moment after its runner)."""
    until = time.monotonic() + 10
    while True:
        found = subprocess.run(["pgrep", "-f", marker], capture_output=True, text=True).stdout
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.05)


class Somebody:
    """`run` a script of this text; the process and the document of its execution."""

    def __init__(self, rgrid: Callable[..., subprocess.CompletedProcess[str]], desk: Path) -> None:
        self.rgrid, self.desk = rgrid, desk

    def run(
        self, text: str, *arguments: str, name: str = "script.py"
    ) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
        (self.desk / name).write_text(text)
        done = self.rgrid("run", str(self.desk / name), "--remote-only", *arguments)
        return done, dict(json.loads(self.rgrid("status", "@last", "--json").stdout))


def wait_until_up(rgrid: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    until = time.monotonic() + 30
    while "up" not in rgrid("logs", "@last").stdout:
        assert time.monotonic() < until
        time.sleep(0.05)


def check_promises(who: Somebody, marker: str) -> None:
    """What holds in every kind of box."""
    done, doc = who.run("print('hello')\nopen('out.txt', 'w').write('x')\n")
    assert (done.returncode, done.stdout, doc["outputs"]["count"]) == (0, "hello\n", 1), done.stderr
    assert who.run("import sys\nsys.exit(7)\n")[0].returncode == 7

    done, doc = who.run(USES)
    own_ms = int(done.stdout)  # pages cost more time where the machine is busy: it says itself how much
    assert own_ms - 100 <= doc["usage"]["cpu_ms"] <= own_ms + 500
    assert 200 << 20 <= doc["usage"]["memory_peak_bytes"] <= 240 << 20
    _, doc = who.run("pass\n")
    assert doc["usage"]["memory_peak_bytes"] < 25 << 20

    done, doc = who.run(FORKS, "--timeout", "1s", "--", marker)
    assert (done.returncode, done.stdout, doc["status"]) == (124, "up\n", "timed_out")
    assert left_of(marker) == ""

    done, _ = who.run(FORKS, "--detach", "--", marker)
    wait_until_up(who.rgrid)
    assert who.rgrid("cancel", done.stdout.strip()).returncode == 0
    assert who.rgrid("wait", done.stdout.strip()).returncode == 130
    assert left_of(marker) == ""

    done, doc = who.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert (done.returncode, doc["reason"]["code"]) == (137, "SIGNAL")


def check_bounded_without_groups(who: Somebody) -> None:
    """Memory is bounded, and nobody claims that the kernel killed it."""
    done, doc = who.run("held = bytearray(300 << 20)\n", "--memory", "100m")
    assert (done.returncode, doc["reason"]["code"]) == (1, "EXIT_CODE") and "MemoryError" in done.stderr
    done, doc = who.run(
        "const held = []; for (let i = 0; i < 300; i++) held.push(Buffer.alloc(1 << 20, 1)); console.log(held.length)\n",
        "--memory",
        "100m",
        name="eats.js",
    )
    assert done.returncode != 0 and done.stdout == "" and doc["reason"]["code"] != "OUT_OF_MEMORY"
    assert who.run("console.log('fits')\n", "--memory", "100m", name="fits.js")[0].stdout == "fits\n"


@pytest.fixture
def nobody(ordinary: OrdinaryUser) -> Iterator[Somebody]:
    desk = ordinary.home / "desk"
    desk.mkdir()
    user = pwd.getpwnam("nobody")
    os.chown(desk, user.pw_uid, user.pw_gid)
    yield Somebody(lambda *arguments: ordinary.python(*RGRID, *arguments, HOME=str(desk)), desk)
    assert ordinary.python("-m", "services.local", "down").returncode == 0


@requires("ordinary-user")
@requires("bubblewrap")
@requires("node")
def test_an_ordinary_user_has_the_same_promises_in_bubblewrap(nobody: Somebody, tmp_path: Path) -> None:
    check_promises(nobody, f"marker-{tmp_path.parent.name}-{tmp_path.name}")
    check_bounded_without_groups(nobody)
    done, _ = nobody.run("print(open('/dev/full', 'rb').read(1))\nopen('/dev/escaped', 'w')\n")
    assert done.returncode == 1 and "Read-only file system: '/dev/escaped'" in done.stderr
    assert "no sandbox" not in done.stderr


def test_without_a_sandbox_it_works_and_the_person_is_told_once(
    new_grid: Callable[..., GridUnderTest], tmp_path: Path
) -> None:
    grid = new_grid(RGRID_SANDBOX="process").up()
    who, marker = Somebody(grid.rgrid, tmp_path), f"marker-{tmp_path.parent.name}-{tmp_path.name}"
    done, doc = who.run("import os\nprint(os.environ['GIVEN'])\n", "--env", "GIVEN=yes")
    assert (done.stdout, done.stderr.count("no sandbox")) == ("yes\n", 1)
    assert doc["attempts"][0]["sandbox"] == "process"
    doctor = json.loads(grid.rgrid("doctor", "--json").stdout)
    nodes = next(each for each in doctor["checks"] if each["name"] == "nodes")
    assert nodes["state"] == "warn" and "RGRID_SANDBOX" in nodes["message"]
    check_promises(who, marker)

    (tmp_path / "once.py").write_text(
        "import os\nif os.environ['RGRID_ATTEMPT'] == '2':\n    raise SystemExit\n" + FORKS
    )
    detached = grid.rgrid("run", "once.py", "--detach", "--", marker, cwd=tmp_path)
    wait_until_up(grid.rgrid)
    grid.kill("runner", signal.SIGKILL)
    assert grid.rgrid("wait", detached.stdout.strip()).returncode == 0
    assert left_of(marker) == ""


@requires("ordinary-user")
@requires("bubblewrap")
def test_an_ordinary_user_gets_packages(nobody: Somebody) -> None:
    """Made by nobody, shown to a box by nobody; the second run finds them."""
    for number in (1, 2):
        done, doc = nobody.run(f"{BLOCK}import six\nprint(six.__file__, {number})\n")
        assert (done.returncode, doc["status"]) == (0, "succeeded"), done.stderr
        assert done.stdout.startswith("/env/lib/") and done.stdout.endswith(f" {number}\n")
