"""What a script in a container can see and reach, and what the engine can tell of it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from services.runner.interpreters import interpreters
from services.runner.sandbox.box import BOX_UID, PIDS_MAX, StartFailed
from services.runner.sandbox.choose import choose
from services.runner.sandbox.containers_wanted import ContainersWanted
from services.runner.sandbox.docker.desk import desks
from services.runner.sandbox.docker.network import why_open
from services.runner.sandbox.spawn import readable
from tests.fixtures.docker import docker
from tests.services.runner.boxes import MIB, finish
from tests.services.runner.docker.conftest import NODE, Open, Opened, of_node

pytestmark = pytest.mark.needs("docker")


async def test_it_has_no_rights(containers: Opened) -> None:
    code = """
import os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(os.getuid(), os.getgid(), os.getgroups())
print({status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}, status["NoNewPrivs"], status["Seccomp"])
"""
    said = (await containers.boxes.run(code)).stdout.splitlines()
    uid = BOX_UID if os.geteuid() == 0 else os.getuid()
    assert said[0].startswith(f"{uid} {uid} ")
    assert said[1] == "{'0000000000000000'} 1 2"


async def test_only_its_own_places_can_be_written(containers: Opened) -> None:
    code = """
import os
for place in ("/usr", "/etc", "/", "/run/rgrid", "/proc/sys/kernel", "/sys", "/var/tmp", "/home"):
    try:
        open(os.path.join(place, "x"), "w")
    except OSError:
        continue
    raise SystemExit(place)
for place in ("/work", "/tmp", "/dev/shm"):
    open(os.path.join(place, "x"), "w").write("x")
print(os.getcwd())
"""
    outcome = await containers.boxes.run(code)
    assert (outcome.stdout, outcome.stderr) == ("/work\n", "")


async def test_it_sees_neither_the_machine_nor_its_processes(containers: Opened, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    code = f"""
import os
print(os.path.exists({str(tmp_path / "secret")!r}), os.path.exists("/var/run/docker.sock"))
print(len([each for each in os.listdir("/proc") if each.isdigit()]), os.uname().nodename)
"""
    assert (await containers.boxes.run(code)).stdout == "False False\n2 rgrid\n"


async def test_there_is_no_network_unless_asked_for(containers: Opened) -> None:
    code = "import os; print(sorted(os.listdir('/sys/class/net')))"
    assert (await containers.boxes.run(code)).stdout == "['lo']\n"
    assert "eth0" in (await containers.boxes.run(code, network=True)).stdout


@pytest.mark.skipif(bool(why_open()), reason=why_open())
async def test_the_metadata_address_is_blocked(containers: Opened) -> None:
    """An address that answers on this machine: with the rule it is refused at once, without it there would be an answer."""
    code = "import socket; socket.create_connection(('169.254.169.254', 80), 5)"
    outcome = await containers.boxes.run(code, network=True)
    assert "refused" in outcome.stderr.lower(), outcome.stderr
    assert _rules().count("-d 169.254.0.0/16") == 1


async def test_what_it_is_given_stands_in_nothing_that_the_engine_shows(containers: Opened) -> None:
    mark = f"secret-{time.time_ns()}"
    code = (
        "import os, time; print(os.environ['GIVEN'], open('/run/secrets/token').read(), flush=True); time.sleep(1000)"
    )
    running = await containers.boxes.start(code, env={"GIVEN": mark}, secrets={"token": mark.encode()})
    await readable(running.stdout)
    assert os.read(running.stdout, 1000).decode() == f"{mark} {mark}\n"
    names = of_node()
    assert len(names) == 1
    shown = docker("inspect", *names).stdout
    assert '"/work"' in shown and mark not in shown
    assert not [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark.encode() in _bytes(path)]
    await finish(running, end=True)
    assert not list(desks(NODE).glob("t*"))


async def test_secrets_are_files_that_only_it_can_read(containers: Opened) -> None:
    code = """
import os
found = os.stat("/run/secrets/token")
print(oct(found.st_mode & 0o777), found.st_uid == os.getuid(), os.listdir("/run/secrets"))
print(open("/run/secrets/token", "rb").read())
try:
    os.unlink("/run/secrets/token")
except OSError as error:
    print(error.strerror)
"""
    outcome = await containers.boxes.run(code, secrets={"token": b"\x00\xffx"})
    assert outcome.stdout == "0o400 True ['token']\nb'\\x00\\xffx'\nRead-only file system\n"


async def test_packages_are_there_to_be_read(containers: Opened, tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "module.py").write_text("word = 'here'\n")
    code = """
import sys
sys.path.append("/env")
import module
print(module.word)
try:
    open("/env/new", "w")
except OSError as error:
    print(error.strerror)
"""
    assert (await containers.boxes.run(code, environment=packages)).stdout == "here\nRead-only file system\n"


async def test_limits_are_those_of_the_run(containers: Opened) -> None:
    code = """
import os, resource
print(*[resource.getrlimit(getattr(resource, "RLIMIT_" + name))[1] for name in ("NOFILE", "FSIZE", "CORE")])
print(*[os.statvfs(place).f_blocks * os.statvfs(place).f_frsize for place in ("/tmp", "/dev/shm")])
"""
    running = await containers.boxes.start(code + "import time; time.sleep(1000)", memory=128 * MIB, disk=5 * MIB)
    shown = json.loads(docker("inspect", *of_node()).stdout)[0]["HostConfig"]
    assert (shown["Memory"], shown["MemorySwap"]) == (128 * MIB, 128 * MIB)
    assert (shown["NanoCpus"], shown["PidsLimit"]) == (2_000_000_000, PIDS_MAX)
    assert (shown["ReadonlyRootfs"], shown["CapDrop"], shown["SecurityOpt"]) == (True, ["ALL"], ["no-new-privileges"])
    await finish(running, end=True)
    outcome = await containers.boxes.run(code, memory=128 * MIB, disk=5 * MIB)
    assert outcome.stdout.splitlines()[0] == f"4096 {5 * MIB} 0"
    assert outcome.stdout.splitlines()[1] == f"{128 * MIB} {128 * MIB}"


async def test_a_child_that_was_killed_for_memory_is_told_from_one_that_was_killed(containers: Opened) -> None:
    eats = "import subprocess, sys; sys.exit(3 if subprocess.run([sys.executable, '-c', {!r}]).returncode == -9 else 1)"
    outcome = await containers.boxes.run(eats.format("x = b'1' * 400_000_000"), memory=64 * MIB)
    assert (outcome.exit.code, outcome.oom) == (3, True)
    outcome = await containers.boxes.run(eats.format("import os; os.kill(os.getpid(), 9)"), memory=64 * MIB)
    assert (outcome.exit.code, outcome.oom) == (3, False)


async def test_not_a_byte_of_a_flood_is_lost(containers: Opened) -> None:
    code = "import sys\nfor number in range(100_000):\n    sys.stdout.write(f'{number:09d}\\n')"
    running = await containers.boxes.start(code)
    ending, said = asyncio.create_task(running.wait()), 0
    while not ending.done() or said < 1_000_000:
        try:
            said += len(os.read(running.stdout, 1 << 20))
        except BlockingIOError:
            await asyncio.sleep(0.001)
    assert said == 1_000_000
    await finish(running)


async def test_a_node_runtime_and_a_shell(containers: Opened) -> None:
    assert (await containers.boxes.run("echo $NAME", runtime="sh", env={"NAME": "a b'c"})).stdout == "a b'c\n"
    versions = {each.runtime: each.version for each in containers.sandbox.interpreters}
    assert set(versions) >= {"python", "node", "sh"}


async def test_leftovers_of_an_earlier_life_are_swept_and_those_of_other_nodes_are_not(
    open_containers: Open, tmp_path: Path
) -> None:
    mine = await open_containers()
    there = tmp_path / "there"
    there.mkdir()
    other = await open_containers(node=f"{NODE}-other", groups=False, folder=there)
    first = await mine.boxes.start("import time; time.sleep(1000)")
    second = await other.boxes.start("import time; time.sleep(1000)")
    folder = tmp_path / "again"
    folder.mkdir()
    await open_containers(folder=folder)
    assert of_node() == [] and len(of_node(f"{NODE}-other")) == 1
    assert (await first.wait()).signal == 9
    assert first.gone() and not second.gone()
    await finish(first, end=True)
    await finish(second, end=True)


async def test_leftovers_are_swept_by_a_life_that_runs_no_containers(containers: Opened, tmp_path: Path) -> None:
    left = await containers.boxes.start("import time; time.sleep(1000)")
    choice = await choose("process", tmp_path, None, interpreters(), ContainersWanted(NODE))
    assert of_node() == [] and choice.sandbox.kind == "process"
    await finish(left, end=True)


async def test_nothing_is_left_of_a_run(containers: Opened) -> None:
    await containers.boxes.run("print(1)")
    await containers.sandbox.close()
    assert of_node() == []
    assert not desks(NODE).exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"**/rgrid/{NODE}/*"))


async def test_a_program_that_is_not_in_any_image_is_refused(containers: Opened) -> None:
    from services.runner.sandbox.box import Spec

    with pytest.raises(StartFailed, match="no image has /nowhere/python"):
        await containers.sandbox.start(
            Spec("x", ("/nowhere/python",), containers.boxes.folder, containers.boxes.folder)
        )


def _rules() -> str:
    return subprocess.run(["iptables", "-S", "DOCKER-USER"], capture_output=True, text=True, check=True).stdout


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
