"""The embedded grid as a whole, over real processes: up, down, killed in every way, damaged in every way."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from services.local.identity import identify, wait_gone
from tests.fixtures.grid import GridUnderTest
from tests.fixtures.needs import requires
from tests.fixtures.ordinary_user import OrdinaryUser

NewGrid = Callable[..., GridUnderTest]
PARTS = {"supervisor", "nats-server", "postgres", "services", "gateway", "runner"}
RECOVERY_SECONDS_MAX = 30


def doctor(grid: GridUnderTest) -> dict[str, str]:
    found = json.loads(grid.local("doctor", "--json", check=False).stdout)
    return {each["name"]: each["state"] for each in found["checks"]}


def in_order(grid: GridUnderTest) -> bool:
    """Whether the rows about the grid are all good; those about the machine may not be."""
    rows = doctor(grid)
    return all(rows.get(name) == "ok" for name in ("grid", "processes", "gateway", "projector", "streams", "nodes"))


def runs(grid: GridUnderTest, folder: Path) -> str:
    """What a script prints that goes through the whole grid."""
    script = folder / "hello.sh"
    script.write_text("echo hello\n")
    done = grid.rgrid("run", str(script), "-o", str(folder / f"out-{os.urandom(4).hex()}"), cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_up_run_down_and_up_again(new_grid: NewGrid, tmp_path: Path) -> None:
    grid = new_grid().up()
    assert set(grid.pids) == PARTS
    assert runs(grid, tmp_path) == "hello\n"
    assert "fail" not in doctor(grid).values()
    before, key = [identify(pid) for pid in grid.pids.values()], grid.api_key
    grid.down()
    assert not any(who.alive() for who in before if who)
    assert not (grid.home / "grid.json").exists()
    grid.up()
    assert grid.api_key == key
    assert len(grid.rgrid("ps", "--json").stdout.splitlines()) == 1


def test_up_twice_is_up_once(grid: GridUnderTest) -> None:
    pids = grid.pids
    assert "up" in grid.local("up", "-d").stdout
    assert grid.pids == pids


def test_damaged_files_of_a_live_grid_are_written_again_and_nobody_hangs(grid: GridUnderTest, tmp_path: Path) -> None:
    known = grid.api_key
    for damage in ('{"pid":1', '{"pid":1,"api_url":"http://127.0.0.1:1"}'):
        (grid.home / "grid.json").write_text(damage)
        assert "up" in grid.local("up", "-d").stdout
        (grid.home / "grid.json").write_text(damage)
        assert runs(grid, tmp_path) == "hello\n"
    (grid.home / "credentials").unlink()
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    while not (grid.home / "credentials").exists():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert grid.api_key == known


def test_down_says_what_starts_over_and_it_does(grid: GridUnderTest, tmp_path: Path) -> None:
    (tmp_path / "slow.sh").write_text("sleep 60")
    execution = grid.rgrid("run", "-d", "slow.sh", cwd=tmp_path).stdout.strip()
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    while '"status":"running"' not in grid.rgrid("status", execution, "--json").stdout:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert "1 running execution starts over at the next rgrid up" in grid.local("down").stdout
    grid.up()
    why = grid.rgrid("why", execution).stdout
    assert "lost: Its runner was stopped" in why
    assert grid.rgrid("cancel", execution).returncode == 0


def test_two_at_once_start_one(new_grid: NewGrid) -> None:
    grid = new_grid()
    command = [sys.executable, "-P", "-m", "services.local", "up", "-d"]
    both = [subprocess.Popen(command, env=grid.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    assert [each.communicate() and each.returncode for each in both] == [0, 0]
    assert set(grid.pids) == PARTS


def test_a_killed_supervisor_takes_everything_along_and_up_goes_on(grid: GridUnderTest, tmp_path: Path) -> None:
    assert runs(grid, tmp_path) == "hello\n"
    family = [identify(pid) for pid in grid.pids.values()]
    grid.kill("supervisor")
    assert all(wait_gone(who, 20) for who in family if who)
    assert doctor(grid)["grid"] == "warn"
    grid.up()
    assert runs(grid, tmp_path) == "hello\n"
    assert len(grid.rgrid("ps", "--json").stdout.splitlines()) == 2


def test_up_goes_on_after_kill_9_of_every_part(grid: GridUnderTest, tmp_path: Path) -> None:
    runs(grid, tmp_path)
    for pid in grid.pids.values():
        os.kill(pid, signal.SIGKILL)
    grid.up()
    assert runs(grid, tmp_path) == "hello\n"
    assert len(grid.rgrid("ps", "--json").stdout.splitlines()) == 2


@pytest.mark.parametrize("part", sorted(PARTS - {"supervisor"}))
def test_a_killed_part_comes_back_by_itself(shared_grid: GridUnderTest, tmp_path: Path, part: str) -> None:
    before = shared_grid.kill(part)
    deadline = time.monotonic() + RECOVERY_SECONDS_MAX
    while shared_grid.pids.get(part, before) == before or not in_order(shared_grid):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert runs(shared_grid, tmp_path) == "hello\n"


def test_a_postgres_folder_that_vanishes_or_is_damaged_is_made_anew(grid: GridUnderTest, tmp_path: Path) -> None:
    assert runs(grid, tmp_path) == "hello\n"
    data = (grid.home / "pg").resolve() / "data"
    shutil.rmtree(data)
    grid.kill("postgres")
    assert runs(grid, tmp_path) == "hello\n"
    (data / "global" / "pg_control").write_bytes(os.urandom(8192))
    grid.kill("postgres")
    assert runs(grid, tmp_path) == "hello\n"
    assert len(grid.rgrid("ps", "--json").stdout.splitlines()) == 3
    said = grid.log("supervisor")
    assert "folder is gone" in said and "does not start from its folder" in said
    check = grid.rgrid("projections", "rebuild", "--check")
    assert check.returncode == 0, check.stderr


def test_a_home_that_was_removed_ends_its_grid_and_a_new_one_there_knows_nothing_of_it(
    grid: GridUnderTest, tmp_path: Path
) -> None:
    assert runs(grid, tmp_path) == "hello\n"
    family, room = [identify(pid) for pid in grid.pids.values()], (grid.home / "pg").resolve()
    shutil.rmtree(grid.home)
    assert all(wait_gone(who, RECOVERY_SECONDS_MAX) for who in family if who)
    grid.up()
    assert not room.exists() or room.parent == grid.home
    assert grid.rgrid("ps", "--json").stdout == ""
    assert runs(grid, tmp_path) == "hello\n"


def test_two_homes_side_by_side(new_grid: NewGrid, tmp_path: Path) -> None:
    one, two = new_grid().up(), new_grid().up()
    assert one.api_url != two.api_url
    assert runs(one, tmp_path) == runs(two, tmp_path) == "hello\n"
    one.down()
    assert runs(two, tmp_path) == "hello\n"


def test_a_taken_port_is_said_and_another_taken(new_grid: NewGrid) -> None:
    grid = new_grid().up()
    port = int(grid.api_url.rpartition(":")[2])
    grid.down()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        said = grid.local("up", "-d")
    assert f"Port {port}" in said.stderr
    assert str(port) not in grid.api_url


def test_a_set_port_that_is_taken_is_refused_in_words(new_grid: NewGrid) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        grid = new_grid(RGRID_GATEWAY_PORT=str(other.getsockname()[1]))
        said = grid.local("up", "-d", check=False)
    assert said.returncode == 1
    assert "RGRID_GATEWAY_PORT" in said.stderr and "Traceback" not in said.stderr


def test_damaged_secrets_are_mended_and_a_new_key_issued(grid: GridUnderTest, tmp_path: Path) -> None:
    key = grid.api_key
    grid.down()
    (grid.home / "secrets.json").write_text("{")
    assert "secrets.json was damaged" in grid.local("up", "-d").stderr
    assert grid.api_key != key
    assert runs(grid, tmp_path) == "hello\n"


def test_a_home_whose_socket_path_is_too_long_works(new_grid: NewGrid, tmp_path: Path) -> None:
    grid = new_grid(tmp_path / ("long" * 25)).up()
    assert runs(grid, tmp_path) == "hello\n"


def test_an_unknown_setting_is_refused_with_the_nearest_known(new_grid: NewGrid) -> None:
    said = new_grid(RGRID_GATEWAY_PROT="1").local("up", "-d", check=False)
    assert said.returncode == 1
    assert "RGRID_GATEWAY_PORT" in said.stderr


def test_the_foreground_stops_cleanly_on_a_signal(new_grid: NewGrid) -> None:
    grid = new_grid()
    command = [sys.executable, "-P", "-m", "services.local", "up"]
    process = subprocess.Popen(command, env=grid.env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = [process.stdout.readline()]
    while "ready" not in said[-1] and said[-1]:
        said.append(process.stdout.readline())
    family = [identify(pid) for pid in grid.pids.values()]
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "everything stopped" in rest
    assert not any(who.alive() for who in family if who)


@requires("unshare")
def test_a_full_disk_is_said(new_grid: NewGrid, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    grid = new_grid(disk / "home")
    script = 'mount -t tmpfs -o size=4m none "$1" && cat /dev/zero > "$1/x" 2>/dev/null; shift; exec "$@"'
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", script, "sh", str(disk)]
    command += [sys.executable, "-P", "-m", "services.local", "up", "-d"]
    done = subprocess.run(command, env=grid.env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is full" in done.stderr and "df -h" in done.stderr


@requires("ordinary-user")
def test_an_ordinary_user_has_a_grid_too(ordinary: OrdinaryUser) -> None:
    up = ordinary.python("-m", "services.local", "up", "-d")
    try:
        assert up.returncode == 0, up.stderr
        status = json.loads(ordinary.python("-m", "services.local", "status", "--json").stdout)
        assert set(status["parts"]) == PARTS
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in status["parts"].values()}
        assert owners == {ordinary.home.stat().st_uid}
    finally:
        assert ordinary.python("-m", "services.local", "down").returncode == 0
