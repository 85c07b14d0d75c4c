"""Globs as bash with globstar expands them; where bash is there, it is asked."""

import os
import shutil
import subprocess

import pytest

from cli.job.fanout.patterns import Walk, fixed_folder, is_pattern

FILES = [
    "a.csv",
    "b.tsv",
    "x[1].csv",
    ".hidden.csv",
    "data/1.csv",
    "data/2.csv",
    "data/deep/3.csv",
    "data/deep/er/4.csv",
    "data/.secret/5.csv",
    "data/ä b.csv",
    "other/data/6.csv",
]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


PATTERNS = [
    "*.csv",
    "*",
    ".*.csv",
    "data/*",
    "data/**/*.csv",
    "**/*.csv",
    "**",
    "data/**",
    "**/deep/**/*.csv",
    "*/*.csv",
    "**/data/*.csv",
    "./*.csv",
    "data/../*.csv",
    "data/[12].csv",
    "data/?.csv",
    "*.{csv,tsv}",
    "{data,other}/**/[13-6].csv",
    "none/*.csv",
    "x[[]1].csv",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_as_bash_does_it(pattern, here):
    bash = shutil.which("bash")
    assert bash
    loop = f'shopt -s globstar nullglob; for f in {pattern}; do [ -f "$f" ] && printf \'%s\\0\' "$f"; done; true'
    done = subprocess.run([bash, "-c", loop], capture_output=True, check=True, cwd=here)
    told = {os.fsdecode(each) for each in done.stdout.split(b"\0") if each}
    assert set(Walk().matches(pattern)) == {each.replace("//", "/") for each in told}


def test_links_to_folders_are_not_followed_by_two_stars_so_that_a_loop_ends(here):
    (here / "data" / "loop").symlink_to(here)
    assert sorted(Walk().matches("data/**/*.csv")) == [
        "data/1.csv",
        "data/2.csv",
        "data/deep/3.csv",
        "data/deep/er/4.csv",
        "data/ä b.csv",
    ]
    assert "data/loop/a.csv" in Walk().matches("data/loop/*.csv")


@pytest.mark.parametrize("pattern", ["loop*", "lo*/*", "**/loop*", "**/[l]oop/**"])
def test_a_link_that_leads_in_a_circle_is_no_folder(pattern, here):
    (here / "loop").symlink_to("loop")
    assert list(Walk().matches(pattern)) == (["loop"] if pattern.endswith("loop*") else [])


def test_folders_that_match_are_counted(here):
    walk = Walk()
    assert sorted(walk.matches("data/*")) == ["data/1.csv", "data/2.csv", "data/ä b.csv"]
    assert walk.folders == 1


def test_a_folder_that_cannot_be_read_is_noted(here, monkeypatch):
    walk, scan = Walk(), os.scandir

    def refuse(folder):
        if "deep" in str(folder):
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert list(walk.matches("data/deep/*")) == []
    assert walk.unread == {"data/deep/": "Permission denied"}


def test_absolute_patterns(here):
    assert list(Walk().matches(f"{here}/*.tsv")) == [f"{here}/b.tsv"]


@pytest.mark.parametrize(("pattern", "folder"), [("*.csv", ""), ("a/b/*.csv", "a/b"), ("a/b*/c", "a"), ("/x/*", "/x")])
def test_where_a_pattern_begins(pattern, folder):
    assert fixed_folder(pattern) == folder


def test_what_is_a_pattern():
    assert [is_pattern(each) for each in ("a*", "a?", "a[1]", "{a,b}", "a{b}", "a.csv")] == [True] * 4 + [False] * 2
