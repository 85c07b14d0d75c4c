"""What a node has taken on survives its crash, torn last line included."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from domain.errors import DamagedHistory
from services.runner.journal import Journal


async def test_what_is_held_is_open_in_the_next_life(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    await asyncio.gather(*(journal.hold("local", f"exec_{n}", 1) for n in range(5)))
    journal.done("exec_3", 1)
    journal.close()
    assert sorted(Journal(tmp_path / "journal").open) == [(f"exec_{n}", 1) for n in (0, 1, 2, 4)]


async def test_a_torn_last_line_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    await journal.hold("local", "exec_a", 1)
    journal.close()
    with (tmp_path / "journal").open("ab") as file:
        file.write(b'{"op":"held","acc')
    assert list(Journal(tmp_path / "journal").open) == [("exec_a", 1)]


async def test_damage_in_the_middle_is_said(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b'{"op":\n{"op":"done","execution":"e","attempt":1}\n')
    with pytest.raises(DamagedHistory, match="Line 1"):
        Journal(tmp_path / "journal")


async def test_it_does_not_grow_for_ever(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    for number in range(3000):
        await journal.hold("local", f"exec_{number:012}", 1)
        journal.done(f"exec_{number:012}", 1)
    assert (tmp_path / "journal").stat().st_size < 300_000
