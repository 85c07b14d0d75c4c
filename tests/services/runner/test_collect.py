"""What comes home from a working folder, and what is refused by name."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from services.runner.collect import REFUSED_NAMED_MAX, collect
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
