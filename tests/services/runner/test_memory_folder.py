"""Folders in memory: private, and not where somebody else waits for them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from services.runner import memory_folder
from services.runner.sandbox.docker.desk import Desk
from services.runner.warm.docker_line import listening

MOUNTS = "tmpfs /dev/shm tmpfs rw 0 0\n/dev/vda1 / ext4 rw 0 0\nnone /run/user/7 ramfs rw 0 0\nodd\n"


def test_memory_is_told_from_disks() -> None:
    assert memory_folder.mounts(MOUNTS) == ["/dev/shm", "/run/user/7"]


def test_without_memory_there_is_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    monkeypatch.setattr(memory_folder, "MOUNTS", mounts)
    for text in (None, "/dev/vda1 /dev/shm ext4 rw 0 0\n"):
        if text:
            mounts.write_text(text)
        with pytest.raises(memory_folder.NoMemoryFolder):
            memory_folder.make(tmp_path, "x.1", {})
    memory_folder.clear(tmp_path)


def test_a_folder_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    base = memory_folder._base(tmp_path)
    base.mkdir()
    base.chmod(0o755)
    try:
        with pytest.raises(PermissionError):
            memory_folder.make(tmp_path, "x.1", {"KEY": b"value"})
        base.rmdir()
        base.symlink_to(tmp_path)
        with pytest.raises(PermissionError):
            memory_folder.make(tmp_path, "x.1", {"KEY": b"value"})
        assert os.listdir(tmp_path) == []  # noqa: PTH208
    finally:
        base.unlink(missing_ok=True)


def test_of_a_folder_that_cannot_be_filled_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        memory_folder.make(tmp_path, "x.1", {"KEY": b"value", "no/such": b"value"})
    assert not memory_folder._base(tmp_path).exists()


def test_a_desk_does_not_stand_in_a_place_of_others(tmp_path: Path) -> None:
    theirs, elsewhere = tmp_path / "theirs", tmp_path / "elsewhere"
    elsewhere.mkdir()
    theirs.symlink_to(elsewhere)
    for make in (lambda: Desk(theirs / "a", os.getuid(), {}, {"KEY": b"value"}), lambda: listening(theirs / "a")):
        with pytest.raises(PermissionError):
            make()
    assert list(elsewhere.iterdir()) == []


def test_the_last_one_takes_the_folder_above_with_it(tmp_path: Path) -> None:
    folders = [memory_folder.make(tmp_path, name, {"KEY": b"value"}) for name in ("x.1", "y.1")]
    memory_folder.remove(folders[0])
    assert folders[1].exists()
    memory_folder.remove(folders[1])
    assert not folders[1].parent.exists()
