"""How scripts end, in every kind of box: codes, signals, and nothing left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from services.runner.sandbox.cgroup import Groups
from tests.services.runner.boxes import MIB, Boxes, finish

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("daemon", flush=True)
        time.sleep(1000)
    os._exit(0)
os.wait()
time.sleep(0.1)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(1000)
"""
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("goodbye", flush=True), sys.exit(3)))
print("ready", flush=True)
time.sleep(1000)
"""


@pytest.mark.parametrize("code", [0, 1, 7, 124])
async def test_exit_codes_come_through(boxes: Boxes, code: int) -> None:
    outcome = await boxes.run(f"import sys; sys.exit({code})")
    assert (outcome.exit.code, outcome.exit.signal, outcome.exit.started, outcome.gone) == (code, None, True, True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
async def test_signals_are_named(boxes: Boxes, number: signal.Signals) -> None:
    outcome = await boxes.run(f"import os; os.kill(os.getpid(), {int(number)})")
    assert (outcome.exit.code, outcome.exit.signal) == (128 + number, number)


async def test_outputs_arguments_and_environment(boxes: Boxes) -> None:
    code = "import os, sys; print(sys.argv[1:], os.environ['NAME']); print('oh', file=sys.stderr)"
    outcome = await boxes.run(code, "-x", "two words", "", env={"NAME": "a=b c", "LD_PRELOAD": ""})
    assert outcome.stdout == "['-x', 'two words', ''] a=b c\n"
    assert outcome.stderr == "oh\n"


OPENS_ITS_OUTPUTS = """
import subprocess
for name in ("stdout", "stderr"):
    with open(f"/dev/{name}", "w") as file:
        file.write("file ")
    subprocess.run(["sh", "-c", f"echo shell > /dev/{name}"], check=True)
"""


async def test_outputs_can_be_opened_by_name(boxes: Boxes) -> None:
    outcome = await boxes.run(OPENS_ITS_OUTPUTS)
    assert (outcome.stdout, outcome.stderr) == ("file shell\n", "file shell\n")


async def test_a_daemon_dies_with_its_script(boxes: Boxes) -> None:
    outcome = await boxes.run(DAEMON)
    assert (outcome.exit.code, outcome.stdout, outcome.gone) == (0, "daemon\n", True)


async def test_a_daemon_dies_without_control_groups_too(bare: Boxes) -> None:
    outcome = await bare.run(DAEMON)
    assert (outcome.exit.code, outcome.gone) == (0, True)


KILLS_ITS_PARENT = """
import os, signal, sys, time
if os.fork() == 0:
    os.setsid()
    print("left", flush=True)
    time.sleep(1000)
time.sleep(0.2)
if os.getppid() > 1:
    os.kill(os.getppid(), int(sys.argv[2]))
time.sleep(float(sys.argv[3]))
"""
CHAIN = """
if [ "$1" = 0 ]; then echo deep; exec sleep 1000; fi
sh -c "$0" "$0" $(($1 - 1)) "$2" &
wait
"""
"""Each is a program of its own: a fork of a fork takes longer the more were before it, and 550 of them half a minute."""


async def test_who_kills_what_watches_it_is_ended_all_the_same(bare: Boxes) -> None:
    mark = f"mark-{os.getpid()}-{time.time_ns()}"
    running = await bare.start(KILLS_ITS_PARENT, mark, str(int(signal.SIGKILL)), "1000")
    if bare.sandbox.kind == "process":
        assert (await running.wait()).signal == signal.SIGKILL
        assert _mentioned(mark)
        assert not running.gone()
    await finish(running, end=True)
    assert not _mentioned(mark)


async def test_who_was_there_before_the_script_is_none_of_its_tree(bare: Boxes) -> None:
    server = await asyncio.create_subprocess_exec("sleep", "60", start_new_session=True)
    try:
        await bare.run(DAEMON)
        assert server.returncode is None and os.getsid(server.pid) == server.pid
    finally:
        server.kill()
        await server.wait()


async def test_who_stops_what_watches_it_is_ended_all_the_same(bare: Boxes) -> None:
    mark = f"mark-{os.getpid()}-{time.time_ns()}"
    running = await bare.start(KILLS_ITS_PARENT, mark, str(int(signal.SIGSTOP)), "1000")
    await _ready(running.stdout)
    await asyncio.sleep(0.4)
    await finish(running, end=True)
    assert not _mentioned(mark)


@pytest.mark.parametrize("bare", ["process"], indirect=True)
async def test_a_chain_of_processes_is_ended_to_its_last(bare: Boxes) -> None:
    """In a box the kernel ends them; a shim has to walk."""
    mark = f"mark-{os.getpid()}-{time.time_ns()}"
    running = await bare.start(CHAIN, CHAIN, "550", mark, runtime="sh")
    await _ready(running.stdout)
    await finish(running, end=True)
    assert not _mentioned(mark)


async def test_a_script_that_ignores_sigterm_is_killed_after_the_grace(boxes: Boxes) -> None:
    running = await boxes.start(STUBBORN)
    await _ready(running.stdout)
    await running.kill(0.2)
    assert running.gone()
    assert (await finish(running)).exit.code == 128 + signal.SIGKILL


async def test_a_script_may_clean_up_within_the_grace(boxes: Boxes) -> None:
    running = await boxes.start(POLITE)
    await _ready(running.stdout)
    await running.kill(10)
    outcome = await finish(running)
    assert (outcome.exit.code, outcome.stdout, outcome.gone) == (3, "goodbye\n", True)


async def test_usage_is_that_of_the_whole_tree(boxes: Boxes) -> None:
    code = """
import subprocess, sys
work = "x = bytearray(60_000_000)\\nimport time\\nwhile time.process_time() < 0.1: pass"
subprocess.run([sys.executable, "-I", "-c", work], check=True)
"""
    usage = (await boxes.run(code)).usage
    assert usage.cpu_ms >= 50
    assert usage.memory_peak_bytes is not None and usage.memory_peak_bytes > 55 * MIB
    assert usage.wall_ms >= 50


async def test_usage_is_known_without_control_groups(bare: Boxes) -> None:
    """The engine of containers is asked while a script runs, so it runs until that has told."""
    code = """
import os, time
x = bytearray(60_000_000)
while time.process_time() < 0.1: pass
while not os.path.exists("go"): time.sleep(0.02)
"""
    running = await bare.start(code)
    usage = running.usage()
    while bare.sandbox.kind == "docker" and (usage.cpu_ms < 50 or (usage.memory_peak_bytes or 0) < 55 * MIB):
        await asyncio.sleep(0.02)
        usage = running.usage()
    (bare.folder / f"t{os.getpid()}-{bare.count}" / "work" / "go").touch()
    usage = (await finish(running)).usage
    assert usage.cpu_ms >= 50
    assert usage.memory_peak_bytes is not None and usage.memory_peak_bytes > 55 * MIB


async def test_out_of_memory_is_the_kernels_word(groups: Groups, boxes: Boxes) -> None:
    outcome = await boxes.run("x = b'1' * 400_000_000", memory=64 * MIB)
    assert (outcome.exit.code, outcome.oom) == (128 + signal.SIGKILL, True)


async def test_a_kill_from_inside_is_no_lack_of_memory(groups: Groups, boxes: Boxes) -> None:
    outcome = await boxes.run("import os; os.kill(os.getpid(), 9)", memory=64 * MIB)
    assert (outcome.exit.code, outcome.oom) == (128 + signal.SIGKILL, False)


@pytest.mark.parametrize("bare", ["bubblewrap", "process"], indirect=True)
async def test_memory_is_bounded_without_control_groups(bare: Boxes) -> None:
    outcome = await bare.run("x = b'1' * 900_000_000", memory=512 * MIB)
    assert outcome.exit.code == 1
    assert "MemoryError" in outcome.stderr


async def test_a_fork_bomb_is_contained_and_ended(groups: Groups, boxes: Boxes) -> None:
    bomb = """
import os
print("ready", flush=True)
while True:
    try:
        os.fork()
    except OSError:
        pass
"""
    running = await boxes.start(bomb)
    await _ready(running.stdout)
    await asyncio.sleep(0.5)
    await running.kill(0)
    assert running.gone()
    await finish(running)


async def test_a_pipe_held_open_by_the_background_does_not_hang_the_end(boxes: Boxes) -> None:
    outcome = await boxes.run("sleep 1000 & echo done", runtime="sh")
    assert (outcome.exit.code, outcome.stdout, outcome.gone) == (0, "done\n", True)


@pytest.mark.parametrize("boxes", ["bubblewrap", "process"], indirect=True)
async def test_everything_dies_with_the_runner(boxes: Boxes) -> None:
    mark = f"mark-{os.getpid()}-{time.time_ns()}"
    kind = boxes.sandbox.kind
    code = f"""
import asyncio, os, sys
from pathlib import Path
from services.runner.interpreters import interpreters
from services.runner.sandbox.choose import choose
from tests.services.runner.boxes import Boxes

async def main():
    folder = Path({str(boxes.folder)!r}) / "other"
    folder.mkdir()
    boxes = Boxes((await choose({kind!r}, folder, None, interpreters())).sandbox, folder)
    running = await boxes.start("import time, os; os.fork(); print('ready', flush=True); time.sleep(1000)", {mark!r})
    while True:
        await asyncio.sleep(0.01)
        try:
            if os.read(running.stdout, 100):
                break
        except BlockingIOError:
            pass
    os.kill(os.getpid(), 9)

asyncio.run(main())
"""
    runner = await asyncio.create_subprocess_exec(programs_python(), "-c", code)
    assert await runner.wait() == -9
    async with asyncio.timeout(60):
        while _mentioned(mark):  # noqa: ASYNC110 (of other processes)
            await asyncio.sleep(0.05)


def programs_python() -> str:
    import sys

    return sys.executable


def _mentioned(mark: str) -> list[str]:
    """Processes with the mark on their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


async def _ready(fd: int) -> None:
    while True:
        try:
            assert os.read(fd, 100)
            return
        except BlockingIOError:
            await asyncio.sleep(0.01)
