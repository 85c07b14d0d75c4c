"""A script that means harm, in the box of a real grid: what it tries, and that nothing comes of it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.grid import GridUnderTest
from tests.fixtures.needs import requires

pytestmark = requires("bubblewrap")

ATTEMPTS = Path(__file__).with_name("escapes.py")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def run(grid: GridUnderTest, desk: Path, script: str, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Exit code, stdout and document of a Python script given as text."""
    (desk / "script.py").write_text(script)
    done = grid.rgrid("run", "script.py", *arguments, cwd=desk)
    doc = json.loads(grid.rgrid("status", "@last", "--json", check=True).stdout)
    return done.returncode, done.stdout, doc


@pytest.fixture(scope="module")
def listening() -> Iterator[tuple[int, str]]:
    """A service of this machine: a port on 127.0.0.1 and the name of an abstract socket."""
    with socket.create_server(("127.0.0.1", 0)) as port, socket.socket(socket.AF_UNIX) as abstract:
        name = f"rgrid-test-{port.getsockname()[1]}"
        abstract.bind("\0" + name)
        abstract.listen()
        yield port.getsockname()[1], name


@pytest.fixture(scope="module")
def tried(
    shared_grid: GridUnderTest, tmp_path_factory: pytest.TempPathFactory, listening: tuple[int, str]
) -> dict[str, str]:
    """What became of everything that escapes.py tries: `refused: …`, or what it got hold of."""
    desk = tmp_path_factory.mktemp("desk")
    (desk / "escapes.py").write_bytes(ATTEMPTS.read_bytes())
    own = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    words = [str(shared_grid.home), str(own.pid), *map(str, listening)]
    try:
        done = shared_grid.rgrid("run", "escapes.py", "--", *words, cwd=desk)
        assert own.poll() is None, "a process of the machine was hit"
    finally:
        own.kill()
        own.wait()
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def names() -> list[str]:
    return [line.split('"')[1] for line in ATTEMPTS.read_text().splitlines() if line.startswith('@attempt("')]


@pytest.mark.parametrize("name", names())
def test_nothing_comes_of_it(tried: dict[str, str], name: str) -> None:
    assert tried[name].startswith("refused: "), tried[name]


def test_every_attempt_was_made(tried: dict[str, str]) -> None:
    assert len(tried) == len(names()) > 30


def test_its_own_folders_are_its_own(shared_grid: GridUnderTest, desk: Path) -> None:
    script = (
        "import os, tempfile\n"
        "open('out.txt', 'w').write('x'); open('/tmp/y', 'w').write('y'); os.mkdir('sub'); os.chmod('out.txt', 0)\n"
        "open(os.path.expanduser('~/z'), 'w'); tempfile.NamedTemporaryFile().close(); print(os.getcwd())\n"
    )
    code, out, doc = run(shared_grid, desk, script, "-o", "home")
    assert (code, out) == (0, "/work\n")
    assert [each["path"] for each in doc["outputs"]["entries"]] == ["out.txt"]


def test_what_one_script_leaves_in_tmp_no_other_finds(shared_grid: GridUnderTest, desk: Path) -> None:
    script = (
        "import os\nprint(os.listdir('/tmp'), os.listdir('/dev/shm'))\nopen('/tmp/a', 'w'); open('/dev/shm/b', 'w')\n"
    )
    assert [run(shared_grid, desk, script)[1] for _ in range(2)] == ["[] []\n"] * 2


def test_a_full_tmp_is_an_error_of_the_script_and_bounded(shared_grid: GridUnderTest, desk: Path) -> None:
    script = (
        "import errno\n"
        "try:\n    with open('/tmp/big', 'wb') as f:\n        for _ in range(1000): f.write(bytes(1 << 20))\n"
        "except OSError as e:\n    print(errno.errorcode[e.errno])\n"
    )
    code, out, doc = run(shared_grid, desk, script, "--memory", "64m")
    assert (code, out) == (0, "ENOSPC\n") or doc["reason"]["code"] == "OUT_OF_MEMORY"


def test_a_fork_bomb_hits_its_limit_and_nothing_is_left(shared_grid: GridUnderTest, desk: Path) -> None:
    script = (
        "import os, sys, time\n"
        "made = 0\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0:\n            time.sleep(600)\n"
        "        made += 1\n"
        "except OSError:\n"
        "    print(made < 1000, made > 50, flush=True)\n"
    )
    assert run(shared_grid, desk, script)[:2] == (0, "True True\n")
    assert run(shared_grid, desk, "print('still here')")[:2] == (0, "still here\n")


def test_descriptors_are_bounded(shared_grid: GridUnderTest, desk: Path) -> None:
    script = (
        "import os\nheld = []\n"
        "try:\n    while True: held.append(os.open('/dev/null', os.O_RDONLY))\n"
        "except OSError as e:\n    print(e.strerror, len(held) < 5000)\n"
    )
    assert run(shared_grid, desk, script)[:2] == (0, "Too many open files True\n")


CHILD_EATS = """
import os, subprocess, sys
child = subprocess.run([sys.executable, "-c", "x = bytearray(400 << 20)\\nfor i in range(0, len(x), 4096): x[i] = 1"])
print("child:", child.returncode, flush=True)
sys.exit({code})
"""


@requires("cgroup")
def test_a_child_that_ate_all_memory_is_not_blamed_on_a_script_that_went_on(
    shared_grid: GridUnderTest, desk: Path
) -> None:
    code, out, doc = run(shared_grid, desk, CHILD_EATS.format(code=0), "--memory", "100m")
    assert (code, out, doc["status"]) == (0, "child: -9\n", "succeeded")
    code, out, doc = run(shared_grid, desk, CHILD_EATS.format(code=3), "--memory", "100m")
    assert (code, out, doc["exit_code"]) == (3, "child: -9\n", 3)
    assert doc["reason"]["code"] == "OUT_OF_MEMORY" and "100 MiB" in doc["reason"]["message"]


def test_killed_without_the_kernels_word_is_not_called_out_of_memory(shared_grid: GridUnderTest, desk: Path) -> None:
    code, _, doc = run(shared_grid, desk, "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert (code, doc["reason"]["code"]) == (137, "SIGNAL")
    code, _, doc = run(shared_grid, desk, "import sys\nsys.exit(137)\n")
    assert code == 137 and doc["reason"]["code"] != "OUT_OF_MEMORY"


DAEMON = """
import os, signal, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        time.sleep(600)
    os._exit(0)
os.wait()
print("gone home", flush=True)
"""


def test_a_daemon_does_not_outlive_its_script(shared_grid: GridUnderTest, desk: Path) -> None:
    marker = f"daemon-{desk.parent.name}"
    assert run(shared_grid, desk, DAEMON, "--", marker)[:2] == (0, "gone home\n")
    assert subprocess.run(["pgrep", "-f", marker], capture_output=True, text=True).stdout == ""


def test_a_daemon_that_holds_the_pipes_does_not_hold_the_end(shared_grid: GridUnderTest, desk: Path) -> None:
    script = DAEMON + "import sys\nsys.exit(5)\n"
    assert run(shared_grid, desk, script)[0] == 5


def test_who_ignores_sigterm_is_ended_all_the_same(shared_grid: GridUnderTest, desk: Path) -> None:
    script = (
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up', flush=True)\ntime.sleep(600)\n"
    )
    code, out, doc = run(shared_grid, desk, script, "--timeout", "1s")
    assert (code, out, doc["status"], doc["signal"]) == (124, "up\n", "timed_out", 9)


def test_who_listens_to_sigterm_may_tidy_up(shared_grid: GridUnderTest, desk: Path) -> None:
    script = (
        "import signal, sys, time\n"
        "def end(*_): open('saved.txt', 'w').write('work so far'); print('saved', flush=True); sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\nprint('up', flush=True)\ntime.sleep(600)\n"
    )
    code, out, doc = run(shared_grid, desk, script, "--timeout", "1s", "-o", "home")
    assert (code, out, doc["status"]) == (124, "up\nsaved\n", "timed_out")
    assert (desk / "home/saved.txt").read_text() == "work so far"


def test_network_is_there_for_who_asks(shared_grid: GridUnderTest, desk: Path, listening: tuple[int, str]) -> None:
    script = (
        "import socket\n"
        f"socket.create_connection(('127.0.0.1', {listening[0]}), 5).close()\n"
        "print(socket.gethostbyname('localhost'), open('/etc/resolv.conf').read() == {!r})\n"
    )
    own = Path("/etc/resolv.conf").read_text() if Path("/etc/resolv.conf").exists() else ""
    assert run(shared_grid, desk, script.format(own), "--network")[:2] == (0, "127.0.0.1 True\n")
