"""A package can make its zygote say anything: what comes of it."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from pathlib import Path

import pytest

from services.runner.sandbox.cgroup import Group
from services.runner.sandbox.find_cgroup import find_groups
from services.runner.warm import nest as nests
from services.runner.warm import zygote as zygotes
from services.runner.warm.running import Forked
from services.runner.warm.warm import Warm
from services.runner.warm.word import Word
from services.runner.warm.zygote import NotBorn
from tests.services.runner.boxes import BASE_ENV, Scripts, finish
from tests.services.runner.conftest import NODES

LIES = {
    "the runner": "line.getsockopt(socket.SOL_SOCKET, 77)",
    "the zygote": "itself",
    "no process": "os.open('/dev/null', os.O_RDONLY)",
    "a file": "os.open('/tmp/file', os.O_RDWR | os.O_CREAT)",
}
LIAR = """
import os, socket
itself, send = os.pidfd_open(os.getpid()), socket.send_fds

def lie(line, said, fds, *more):
    return send(line, said, [TOLD] if said == [b"born"] else fds, *more)

socket.send_fds = lie
"""


def lying(folder: Path, module: str) -> dict[str, object]:
    """How a script is started whose packages are this one module."""
    (folder / "packages").mkdir()
    (folder / "packages" / "liar.py").write_text(module)
    base = BASE_ENV | {"PYTHONPATH": "/env"}
    return {"environment": folder / "packages", "base_env": base, "imports": ("liar",)}


@pytest.mark.parametrize("told", LIES)
async def test_what_a_zygote_sends_as_its_box(warm: Scripts, nest_of: Warm, tmp_path: Path, told: str) -> None:
    """Nothing of it is put under limits or killed but what the zygote forked."""
    more = lying(tmp_path, LIAR.replace("TOLD", LIES[told]))
    await warm.run("", **more)
    await asyncio.gather(*nest_of.nest._tasks)
    before = len(list(Path("/proc/self/fd").iterdir()))
    outcome = await warm.run("print('cold')", **more)
    assert (outcome.stdout, outcome.warm) == ("cold\n", False)
    await asyncio.gather(*nest_of.nest._tasks)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not nest_of.nest.warm
    assert os.getpid() not in [pid for group in leftovers() for pid in group.pids()]


async def test_a_line_that_the_zygote_keeps_open(warm: Scripts, nest_of: Warm, tmp_path: Path) -> None:
    """A run whose process 1 was killed is over, whoever could still speak for it."""
    keeping = "import os\nclose, os.close = os.close, lambda fd: None if fd > 2 else close(fd)\n"
    running = await warm.start("import time; time.sleep(1000)", **lying(tmp_path, keeping))
    assert running.warm
    outcome = await finish(running, end=True)
    assert (outcome.exit.signal, outcome.gone) == (signal.SIGKILL, True)
    (zygote,) = nest_of.nest.warm.values()
    assert zygote.living == 0


@pytest.mark.parametrize("error", [OSError(errno.EBADF, "no pidfd"), NotBorn("it ended at once")])
async def test_a_box_that_does_not_begin_leaves_nothing(
    warm: Scripts, nest_of: Warm, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    await warm.run("")
    (zygote,) = nest_of.nest.warm.values()
    before = len(list(Path("/proc/self/fd").iterdir()))

    async def begin(self: Forked) -> None:
        raise error

    monkeypatch.setattr(Forked, "begin", begin)
    outcome = await warm.run("print('cold')")
    assert (outcome.stdout, outcome.warm, zygote.living) == ("cold\n", False, 0)
    assert not nest_of.nest.warm
    await asyncio.gather(*nest_of.nest._tasks)
    assert len(list(Path("/proc/self/fd").iterdir())) < before


@pytest.mark.parametrize(
    "said",
    [
        *(b"", b"{", b"[]", b"7", b"null", b"[" * 4096, b"9" * 4096, b"\xff", b'{"status": 0}'),
        *(
            b'{"status": %s, "cpu_ms": 1, "peak": 1}' % each
            for each in (b"-1", b"65536", b"1.0", b'"0"', b"true", b"127")
        ),
        *(b'{"status": 0, "cpu_ms": %s, "peak": 1}' % each for each in (b"-1", b"1e3", b"1000000000", b"NaN", b"null")),
        *(b'{"status": 0, "cpu_ms": 1, "peak": %s}' % each for each in (b"-1", b"1" * 30, b"[]", b"Infinity")),
    ],
)
def test_no_word_of_an_end(said: bytes) -> None:
    with pytest.raises(ValueError):
        Word.of(said, 1000)


def test_a_word_of_an_end() -> None:
    assert Word.of(b'{"status": 256, "cpu_ms": 900, "peak": 4096}', 1000) == Word(256, 900, 4096)
    assert Word.of(b'{"status": 9, "cpu_ms": 0, "peak": 0}', 0) == Word(9, 0, 0)


async def test_a_box_that_lies_about_its_end_counts_as_killed(bare_warm: Scripts, tmp_path: Path) -> None:
    untrue = "import resource\nused = resource.getrusage\n"
    untrue += "class Used:\n    ru_utime, ru_stime, ru_maxrss = 1e9, 0.0, 1\n"
    untrue += "resource.getrusage = lambda who: Used\n"
    outcome = await bare_warm.run("print('said')", **lying(tmp_path, untrue))
    assert (outcome.stdout, outcome.exit.signal, outcome.warm) == ("said\n", signal.SIGKILL, True)
    assert outcome.usage.cpu_ms == 0


async def test_a_zygote_that_never_forks_is_not_begun_without_end(
    warm: Scripts, nest_of: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zygotes, "BIRTH_SECONDS", 0.2)
    more = lying(tmp_path, "import socket, time\nsocket.recv_fds = lambda *_: time.sleep(1000)\n")
    for begun in (1, 2, 2, 2):
        assert not (await warm.run("", **more)).warm
        assert nest_of.nest._hatchery._count == begun  # type: ignore[attr-defined]
    assert not nest_of.nest.warm
    monkeypatch.setattr(nests, "AGAIN_SECONDS", 0.0)
    nest_of.nest._unfit.clear()
    for begun in (3, 4, 5):
        await warm.run("", **more)
        assert nest_of.nest._hatchery._count == begun  # type: ignore[attr-defined]


DAEMON = """
import os, time

def daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(1000)
        os._exit(0)
    try:
        os.wait()
    except ChildProcessError:
        pass
"""


async def test_a_package_whose_daemon_stays(warm: Scripts, nest_of: Warm, tmp_path: Path) -> None:
    more = lying(tmp_path, DAEMON + "daemon()\n")
    for _ in range(2):
        assert not (await warm.run("", **more)).warm
    assert not nest_of.nest.warm
    assert nest_of.nest._hatchery._count == 1  # type: ignore[attr-defined]
    assert not [group for group in leftovers() if group.pids()]


async def test_a_child_that_ended_does_no_harm(warm: Scripts, tmp_path: Path) -> None:
    ended = "import subprocess\nchild = subprocess.Popen(['/bin/true'], stdout=subprocess.PIPE)\nchild.stdout.read()\n"
    ended += "import os\nos.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)\n"
    assert (await warm.run("", **lying(tmp_path, ended))).warm


async def test_a_daemon_that_comes_later(warm: Scripts, nest_of: Warm, tmp_path: Path) -> None:
    """When the package is called while its zygote makes a box."""
    later = DAEMON + "import socket\nreceive = socket.recv_fds\n"
    later += "def later(*arguments):\n    found = receive(*arguments)\n    daemon()\n    return found\n"
    more = lying(tmp_path, later + "socket.recv_fds = later\n")
    assert (await warm.run("", **more)).warm
    nest_of.nest.look()
    assert not nest_of.nest.warm
    await asyncio.gather(*nest_of.nest._tasks)
    assert not (await warm.run("", **more)).warm
    assert not [group for group in leftovers() if group.pids()]


async def test_honest_zygotes_are_alone(warm: Scripts, nest_of: Warm) -> None:
    for _ in range(3):
        assert (await warm.run("import os\nif os.fork() == 0:\n    os.setsid()")).warm
        nest_of.nest.look()
        assert nest_of.nest.warm


def leftovers() -> list[Group]:
    groups = find_groups(NODES[0])[0]
    return list(groups.leftovers()) if groups is not None else []
