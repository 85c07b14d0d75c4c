"""What an attempt left is gone afterwards, and what its links point to is not."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from services.runner.cleaning import ENTRIES_INLINE_MAX, remove_now, remove_tree


async def gone(folder: Path) -> None:
    async with asyncio.timeout(30):
        while folder.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def made(folder: Path, files: int = 2, deep: bool = False) -> Path:
    work = folder / "attempt" / "work"
    (work / "below" / "deeper" if deep else work).mkdir(parents=True)
    for number in range(files):
        (work / f"file{number}").write_text("x")
    (folder / "attempt" / "log").write_text("x")
    return folder / "attempt"


async def test_a_small_one_is_gone_at_once(tmp_path: Path) -> None:
    attempt = made(tmp_path)
    remove_tree(attempt)
    assert not attempt.exists()


@pytest.mark.parametrize("deep", [False, True])
async def test_a_large_or_deep_one_is_gone_soon(tmp_path: Path, deep: bool) -> None:
    attempt = made(tmp_path, files=2 if deep else 3 * ENTRIES_INLINE_MAX, deep=deep)
    remove_tree(attempt)
    await gone(attempt)


async def test_no_link_is_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    attempt = made(tmp_path)
    (attempt / "work" / "link").symlink_to(outside)
    (attempt / "tmp").symlink_to(outside)
    remove_tree(attempt)
    await gone(attempt)
    assert (outside / "precious").read_text() == "x"


def test_root_changes_no_mode_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What still runs may put a link to anywhere in the place of a folder that was looked at a moment ago."""
    if os.geteuid() != 0:
        pytest.skip("root only: whoever else removes it may change no more than the script could itself")
    attempt, outside = made(tmp_path, deep=True), tmp_path / "outside"
    outside.mkdir(mode=0o755)
    below = attempt / "work" / "below"

    def disturbed(folder: Path) -> None:
        raise OSError("somebody else is at it")

    run = subprocess.run

    def swapping(command: list[str], **options: Any) -> Any:
        if command[0] == "chmod":
            below.rename(attempt / "aside")
            below.symlink_to(outside)
            command = ["chmod", "0700", str(below)]  # as `chmod -R` does to a name that was a folder when it looked
        return run(command, **options)

    monkeypatch.setattr("services.runner.cleaning.shutil.rmtree", disturbed)
    monkeypatch.setattr("services.runner.cleaning.subprocess.run", swapping)
    remove_now(attempt)
    assert not attempt.exists()
    assert outside.stat().st_mode & 0o777 == 0o755
