"""What a node has taken on survives its crash, torn last line included."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def full_after(size_bytes: int) -> Iterator[None]:
    """No file of this process grows beyond `size_bytes`: a write is cut short there, the next one fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_holds_nothing_and_tears_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    await journal.hold("local", "exec_a", 1)
    await journal.hold("x" * 2_000_000, "exec_pad", 1)
    size = (tmp_path / "journal").stat().st_size
    with full_after(size + 10):
        with pytest.raises(OSError, match="too large"):
            await journal.hold("local", "exec_b", 1)
        journal.done("exec_a", 1)
    assert sorted(journal.open) == [("exec_pad", 1)]
    assert (tmp_path / "journal").stat().st_size == size
    await journal.hold("local", "exec_b", 1)
    journal.close()
    assert sorted(Journal(tmp_path / "journal").open) == [("exec_a", 1), ("exec_b", 1), ("exec_pad", 1)]


async def test_a_torn_line_hides_nothing_that_was_written_behind_it(tmp_path: Path) -> None:
    held = b'{"op":"held","account":"local","execution":"exec_b","attempt":1}'
    (tmp_path / "journal").write_bytes(b'{"op":"held","acc' + held + b'\n{"op":"done","execu')
    assert list(Journal(tmp_path / "journal").open) == [("exec_b", 1)]
