"""Paths of files: one spelling each, inside the working directory, and a tree that can really be made."""

from __future__ import annotations

import pytest

from domain.errors import Invalid
from domain.files import NAME_BYTES_MAX, PATH_BYTES_MAX, checked_path, checked_tree


@pytest.mark.parametrize(
    "path", ["a", "a/b", ".a", "..a", "a..", "...", "-rf", " ", "new\nline", "ünï/日本", "a" * NAME_BYTES_MAX]
)
def test_a_plain_relative_path_is_taken_as_it_is(path: str) -> None:
    assert checked_path(path) == path


@pytest.mark.parametrize(
    "path", ["", "/", "/a", ".", "./a", "a/.", "a/./b", "..", "../a", "a/..", "a/../b", "a//b", "a/"]
)
def test_a_path_that_leaves_the_folder_or_has_another_spelling_is_refused(path: str) -> None:
    with pytest.raises(Invalid, match="relative path"):
        checked_path(path)


@pytest.mark.parametrize(
    "path", ["a\0b", "\ud800", "é" * (NAME_BYTES_MAX // 2 + 1), "/".join(["abc"] * (PATH_BYTES_MAX // 4 + 1))]
)
def test_what_cannot_be_a_file_name_is_refused(path: str) -> None:
    with pytest.raises(Invalid):
        checked_path(path)


@pytest.mark.parametrize("paths", [["a", "b", "a"], ["a", "a/b"], ["a/b/c/d", "x", "a/b"]])
def test_files_that_cannot_both_be_are_refused(paths: list[str]) -> None:
    with pytest.raises(Invalid):
        checked_tree(paths)


def test_files_in_folders_are_fine() -> None:
    paths = ["a", "b/a", "b/c", "b.d", "b/c.d/e"]
    checked_tree(paths)
    with pytest.raises(Invalid):
        checked_tree([*paths, "b"])
