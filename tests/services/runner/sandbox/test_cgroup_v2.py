"""Version 2 of control groups, as far as it is files: what is written where, and how the answers are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.execution.job import Limits
from services.runner.sandbox.cgroup_v2 import GroupsV2, GroupV2
from services.runner.sandbox.find_cgroup import find_groups

WRITTEN = ("memory.max", "memory.swap.max", "pids.max", "cpu.max", "cgroup.procs", "cgroup.kill")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files that the kernel would make."""
    folder = tmp_path / "group"
    folder.mkdir()
    for name in WRITTEN:
        (folder / name).write_text("")
    return folder


def test_limits(folder: Path) -> None:
    GroupV2(folder).create(Limits(1500, 64 * 1024**2, 10))
    assert (folder / "memory.max").read_text() == str(64 * 1024**2)
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "cpu.max").read_text() == "150000 100000"
    assert (folder / "pids.max").read_text() == "512"


def test_what_was_used(folder: Path) -> None:
    (folder / "cpu.stat").write_text("usage_usec 123456\nuser_usec 100000\n")
    (folder / "memory.peak").write_text("1048576\n")
    (folder / "memory.events").write_text("low 0\nmax 12\noom 1\noom_kill 1\n")
    (folder / "cgroup.procs").write_text("12\n0\n34\n")
    group = GroupV2(folder)
    assert (group.cpu_ms(), group.memory_peak_bytes(), group.oom_kills(), group.pids()) == (123, 1048576, 1, [12, 34])


def test_a_kernel_that_does_not_know_the_peak(folder: Path) -> None:
    assert GroupV2(folder).memory_peak_bytes() is None


def test_a_group_is_killed_by_one_write_and_entered_by_another(folder: Path) -> None:
    group = GroupV2(folder)
    group.add(77)
    group.kill()
    assert (folder / "cgroup.procs").read_text() == "77"
    assert (folder / "cgroup.kill").read_text() == "1"


def test_every_level_hands_the_controllers_down(tmp_path: Path) -> None:
    levels = [tmp_path, tmp_path / "rgrid", tmp_path / "rgrid" / "n1"]
    for level in levels:
        level.mkdir(exist_ok=True)
        (level / "cgroup.subtree_control").write_text("")
    groups = GroupsV2(tmp_path, "n1")
    assert all((level / "cgroup.subtree_control").read_text() == "+cpu +memory +pids" for level in levels)
    (levels[-1] / "exec_a.1").mkdir()
    assert len(groups.leftovers()) == 1


def test_an_empty_node_goes_away_and_one_with_groups_stays(tmp_path: Path) -> None:
    root = tmp_path / "rgrid" / "n1"
    groups = object.__new__(GroupsV2)
    groups._root = root
    (root / "exec_a.1").mkdir(parents=True)
    groups.close()
    assert root.is_dir()
    (root / "exec_a.1").rmdir()
    groups.close()
    assert not (tmp_path / "rgrid").exists()


def test_a_machine_without_groups_says_so(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"cgroup2 {tmp_path} cgroup2 rw 0 0\n")
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    (tmp_path / "rgrid").write_text("in the way")
    groups, why = find_groups("n1", mounts)
    assert groups is None
    assert why.startswith("control groups cannot be written here")
