"""What is unpacked and compiled outside every box has its bounds."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from services.runner.environments import growth
from services.runner.environments.failures import Unbuildable, Unbuilt
from services.runner.environments.tool import run
from tests.services.runner.environments.conftest import python
from tests.services.runner.environments.wheels import Shop
from tests.services.runner.grid import Grid

WRITES = "i=0; while :; do i=$((i+1)); head -c 1000000 /dev/zero > {}/$i; test $i -gt 20 && sleep 0.05; done"
SAY = {"PATH": os.defpath}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "BYTES_MAX", 5_000_000)
    monkeypatch.setattr(growth, "UNLOOKED_SECONDS_MAX", 0.2)


async def test_what_writes_without_end_is_ended(small: None, tmp_path: Path) -> None:
    for where, expected in (("folder", Unbuildable), ("cache", Unbuilt)):
        folder, cache = tmp_path / where / "folder", tmp_path / where / "cache"
        folder.mkdir(parents=True)
        cache.mkdir()
        (cache / "before").write_bytes(b"x" * 6_000_000)
        with pytest.raises(expected, match=r"more than .* of disk"):
            await run(["/bin/sh", "-c", WRITES.format(tmp_path / where / where)], folder, SAY, cache)


async def test_one_file_is_bounded_by_the_kernel(small: None, tmp_path: Path) -> None:
    done = await run(["/usr/bin/head", "-c", "6000000", "/dev/zero"], tmp_path, SAY)
    assert done.code != 0
    done = await run(["/bin/sh", "-c", "ulimit -S -d; ulimit -S -f"], tmp_path, SAY)
    assert done.said.split() == [str(4 * 1024**2), str(5_000_000 // 512)]


async def test_a_disk_that_gets_full_ends_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "floor_bytes", lambda _: 2**60)
    with pytest.raises(Unbuilt, match="hardly any room"):
        await run(["/bin/sleep", "60"], tmp_path, SAY)


async def test_large_sources_stay_as_they_are(
    instant: Grid, shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("services.runner.environments.bytecode.SOURCE_BYTES_MAX", 10_000)
    shop.wheel("thing", thing="VALUE = 1\n", thing_large="x = 1\n" * 5_000)
    await instant.run("pass", environment=await python(instant, shop.lock("thing")))
    folder = await asyncio.to_thread(lambda: list((instant.folder / "environments").rglob("*.pyc")))
    names = {path.name.partition(".")[0] for path in folder}
    assert "thing" in names
    assert "thing_large" not in names
