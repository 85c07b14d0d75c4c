"""What comes home from a working folder, and what is refused by name."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from services.runner.collect import REFUSED_NAMED_MAX, collect
from services.runner.plain_file import content
from services.runner.stage import Print


def test_new_and_changed_files_come_home_and_others_do_not(tmp_path: Path) -> None:
    for name in ("same", "changed", "replaced", "gone"):
        (tmp_path / name).write_text("one")
    staged = {name: Print.of((tmp_path / name).lstat()) for name in ("same", "changed", "replaced", "gone")}
    (tmp_path / "changed").write_text("two")
    (tmp_path / "other").write_text("one")
    (tmp_path / "other").replace(tmp_path / "replaced")
    (tmp_path / "gone").unlink()
    (tmp_path / "new").write_text("")
    found = collect(tmp_path, staged)
    assert [file.path for file in found.files] == ["changed", "new", "replaced"]
    assert found.refused == []


def test_names_of_all_kinds(tmp_path: Path) -> None:
    names = ["ünï cödé.txt", "line\nbreak", "deep/er/and/deeper/x", "-rf", " "]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert [file.path for file in collect(tmp_path, {}).files] == sorted(names)


def test_executable_files_stay_executable(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "tool").chmod(0o4755)
    assert [file.mode for file in collect(tmp_path, {}).files] == [0o755]


def test_links_fifos_and_sockets_are_refused_and_never_opened(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "folder").symlink_to("/etc")
    os.mkfifo(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        found = collect(tmp_path, {})
    assert found.files == []
    assert {each.path: each.reason.partition(";")[0] for each in found.refused} == {
        "link": "it is a symbolic link",
        "folder": "it is a symbolic link",
        "fifo": "it is a FIFO",
        "socket": "it is a socket",
    }


def test_names_that_are_not_utf8_are_refused_and_shown(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"bad\xff")).write_text("x")
    assert [(each.path, each.reason) for each in collect(tmp_path, {}).refused] == [
        ("bad\\udcff", "its name is not valid UTF-8")
    ]


def test_only_so_many_refused_ones_are_named_but_all_are_counted(tmp_path: Path) -> None:
    for number in range(REFUSED_NAMED_MAX + 5):
        (tmp_path / f"{number}").symlink_to("x")
    found = collect(tmp_path, {})
    assert (len(found.refused), found.refused_count) == (REFUSED_NAMED_MAX, REFUSED_NAMED_MAX + 5)


def test_folders_and_files_without_any_rights_are_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut" / "file").write_text("x")
    (tmp_path / "shut" / "file").chmod(0)
    (tmp_path / "shut").chmod(0)
    assert [file.path for file in collect(tmp_path, {}).files] == ["shut/file"]


def test_a_bottomless_folder_ends_somewhere(tmp_path: Path) -> None:
    (tmp_path / ("d/" * 250)).mkdir(parents=True)
    found = collect(tmp_path, {})
    assert (found.files, found.refused_count) == ([], 1)
    assert found.refused[0].reason == "it is more than 200 folders deep"


def test_more_files_than_can_be_listed_are_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runner.collect.FILES_MAX", 3)
    for name in "abcde":
        (tmp_path / name).write_text(name)
    found = collect(tmp_path, {})
    assert [file.path for file in found.files] == ["a", "b", "c"]
    assert [(each.path, "at most" in each.reason) for each in found.refused] == [("d", True), ("e", True)]


def test_a_list_of_names_too_long_to_be_read_again_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runner.collect.MANIFEST_BYTES_MAX", 2 * 400)
    for number in range(3):
        (tmp_path / f"{number}{'x' * 200}").write_text("")
    assert len(collect(tmp_path, {}).files) == 2


def test_what_is_longer_than_a_job_may_write_stays(tmp_path: Path) -> None:
    """A disk does not feel holes, or a second name of a file; who reads and stores them does."""
    (tmp_path / "a").write_bytes(b"x" * 600)
    os.truncate(os.open(tmp_path / "hole", os.O_CREAT | os.O_WRONLY), 10**12)
    os.link(tmp_path / "a", tmp_path / "z")
    found = collect(tmp_path, {}, 1000)
    assert [file.path for file in found.files] == ["a"]
    assert [each.path for each in found.refused] == ["hole", "z"]
    assert "holes" in found.refused[0].reason


def test_more_names_than_can_be_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.runner.collect.LOOKED_AT_MAX", 5)
    for name in ("b/1", "b/2", "b/3", "c/1", "c/2"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    found = collect(tmp_path, {})
    assert (len(found.files), [each.path for each in found.refused]) == (3, ["c/"])


def test_a_path_that_could_not_be_opened_again(tmp_path: Path) -> None:
    name, fd = "d" * 254, os.open(tmp_path, os.O_RDONLY)
    for _ in range(16):
        os.mkdir(name, dir_fd=fd)
        fd = os.open(name, os.O_RDONLY, dir_fd=fd)
    os.close(os.open("far", os.O_CREAT, dir_fd=fd))
    found = collect(tmp_path, {})
    assert found.files == [] and "longer than" in found.refused[0].reason


def test_a_name_that_changes_hands_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    """Whoever still holds the folder swaps what is looked at for a link, again and again: nothing outside is touched."""
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir(mode=0o500)
    (outside / "secret").write_text("s")
    (outside / "secret").chmod(0o440)
    script = f"""
import ctypes, os
libc = ctypes.CDLL(None)
os.chdir({str(work)!r})
os.mkdir("d"); open("f", "w").write("x")
mine = [(os.open("d", os.O_RDONLY), 0o100), (os.open("f", os.O_RDONLY), 0o044)]
os.symlink({str(outside)!r}, "other-d"); os.symlink({str(outside / "secret")!r}, "other-f")
print("on", flush=True)
while True:
    for name in ("d", "f"):
        libc.renameat2(-100, name.encode(), -100, b"other-" + name.encode(), 2)
    for fd, mode in mine:
        os.fchmod(fd, mode)
"""
    swapping = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        assert swapping.stdout is not None and swapping.stdout.readline() == b"on\n"
        hashes = {file.sha256 for _ in range(2000) for file in collect(work, {}).files}
    finally:
        swapping.kill()
        swapping.communicate()
    assert hashes <= {hashlib.sha256(b"x").hexdigest()}
    assert (outside.stat().st_mode & 0o777, (outside / "secret").stat().st_mode & 0o777) == (0o500, 0o440)


def test_what_became_something_else_before_it_was_sent_is_not_read(tmp_path: Path) -> None:
    regular = tmp_path / "regular"
    regular.write_bytes(b"four")
    assert content(regular, 4) == b"four"
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(regular)
    for name, size_bytes in (("regular", 5), ("regular", 0), ("fifo", 0), ("fifo", 4), ("link", 4), (".", 4096)):
        with pytest.raises(OSError):
            content(tmp_path / name, size_bytes)
