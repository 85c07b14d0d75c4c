"""What an attempt left is gone afterwards, and what its links point to is not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from services.runner.cleaning import ENTRIES_INLINE_MAX, remove_tree


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
