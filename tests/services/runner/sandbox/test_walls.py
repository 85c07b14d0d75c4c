"""What a script in a bubblewrap box can see and reach: its own files, the programs of the machine, nothing else."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from services.runner.interpreters import interpreters
from services.runner.sandbox.box import BOX_UID
from services.runner.sandbox.choose import choose
from services.runner.sandbox.spawn import readable
from tests.fixtures.needs import requires
from tests.services.runner.boxes import Boxes, finish


async def test_the_files_of_the_host_are_not_there(bubblewrap: Boxes, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s")
    code = f"""
import os
for path in ({str(secret)!r}, "/etc/shadow", "/home", "/var", "/sys", "/run", "/opt"):
    assert not os.path.exists(path), path
"""
    assert (await bubblewrap.run(code)).exit.code == 0


async def test_other_processes_are_not_there(bubblewrap: Boxes) -> None:
    code = "import os; print(len([each for each in os.listdir('/proc') if each.isdigit()]))"
    assert (await bubblewrap.run(code)).stdout == "2\n"


async def test_it_is_nobody_in_particular(bubblewrap: Boxes) -> None:
    code = """
import os
caps = [line.split()[1] for line in open("/proc/self/status") if line.startswith(("CapEff", "CapPrm", "CapBnd"))]
print(os.getuid(), os.getgid(), os.getgroups() in ([], [os.getgid()]) or os.getgroups(), set(caps))
"""
    outcome = await bubblewrap.run(code)
    uid = BOX_UID
    bounded = os.geteuid() == 0
    assert outcome.stdout.startswith(f"{uid} {uid} True" if bounded else f"{uid} {uid}")
    assert "{'0000000000000000'}" in outcome.stdout or not bounded


async def test_the_machine_is_read_only_and_its_own_places_are_not(bubblewrap: Boxes) -> None:
    code = """
import os
for place in ("/usr", "/etc", "/", "/proc/sys/kernel"):
    try:
        open(os.path.join(place, "x"), "w")
    except OSError:
        continue
    raise SystemExit(place)
for place in ("/work", "/tmp", "/dev/shm"):
    open(os.path.join(place, "x"), "w").write("x")
print(os.getcwd())
"""
    outcome = await bubblewrap.run(code)
    assert (outcome.stdout, outcome.stderr) == ("/work\n", "")


async def test_there_is_no_network_unless_asked_for(bubblewrap: Boxes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        alone = await bubblewrap.run(code)
        assert alone.exit.code == 1
        assert "ConnectionRefusedError" in alone.stderr
        assert (await bubblewrap.run(code, network=True)).exit.code == 0


async def test_the_environment_holds_what_was_given_and_nothing_else(bubblewrap: Boxes) -> None:
    os.environ["RGRID_TEST_LEAK"] = "1"
    try:
        outcome = await bubblewrap.run("import os; print(sorted(os.environ))", env={"MINE": "1"})
    finally:
        del os.environ["RGRID_TEST_LEAK"]
    assert set(eval(outcome.stdout)) <= {"HOME", "LANG", "LC_CTYPE", "MINE", "PATH", "PWD"}


async def test_the_persons_variables_never_reach_a_program_with_privileges(bubblewrap: Boxes) -> None:
    """LD_PRELOAD of a library that is not there makes the loader of every program complain on stderr: once per program."""
    outcome = await bubblewrap.run("pass", env={"LD_PRELOAD": "/nowhere/evil.so"})
    assert outcome.exit.code == 0
    assert outcome.stderr.count("evil.so") == 1


async def test_a_program_that_is_not_there_did_not_start_the_script(bubblewrap: Boxes) -> None:
    outcome = await bubblewrap.run("nonsense-program", runtime="sh")
    assert (outcome.exit.code, outcome.exit.started) == (127, True)


async def test_nothing_that_the_runner_holds_open_is_open_in_the_box(needs_bubblewrap: None, tmp_path: Path) -> None:
    inherited = os.open(tmp_path, os.O_RDONLY)
    os.set_inheritable(inherited, True)
    choice = await choose("bubblewrap", tmp_path, None, interpreters())
    code = "import os; print(len([each for each in os.listdir('/proc/self/fd')]))"
    assert (await Boxes(choice.sandbox, tmp_path).run(code)).stdout == "4\n"
    os.close(inherited)


async def test_variables_stand_on_no_command_line(boxes: Boxes) -> None:
    secret = f"secret-{time.time_ns()}"
    code = """
import os, time
print(os.environ["NAME"], os.environ["with-dash.x"], len(os.environ["LONG"]), os.environ["HOME"] != "")
print(len(os.listdir("/proc/self/fd")), flush=True)
time.sleep(1000)
"""
    env = {"NAME": secret, "with-dash.x": "two words\n", "LONG": "x" * (128 * 1024 - 6), "LD_PRELOAD": ""}
    running = await boxes.start(code, env=env)
    said = b""
    while said.count(b"\n") < 3:
        await readable(running.stdout)
        said += os.read(running.stdout, 65536)
    assert said.decode() == f"{secret} two words\n {128 * 1024 - 6} True\n4\n"
    assert not _on_command_lines(secret)
    await finish(running, end=True)


def _on_command_lines(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("boxes", ["bubblewrap", pytest.param("docker", marks=requires("docker"))], indirect=True)
async def test_a_folder_that_the_node_shows_can_be_read_where_it_is(boxes: Boxes, tmp_path: Path) -> None:
    shown = tmp_path / "shown"
    shown.mkdir()
    (shown / "file").write_text("here")
    code = f"""
print(open({str(shown / "file")!r}).read())
try:
    open({str(shown / "file")!r}, "w")
except OSError:
    print("as it was")
"""
    outcome = await boxes.run(code, shown=(str(shown),))
    assert (outcome.stdout, outcome.stderr) == ("here\nas it was\n", "")
