"""What the members of a batch have in common: beside the own inputs of each, and on the node once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from domain.files import FileSet, file_set
from services.runner import manifest
from services.runner.blobs import BlobCache
from tests.services.runner.grid import Grid, Make

READS = """
import sys
from pathlib import Path
print(Path(sys.argv[1]).read_text(), *sorted(path.read_text() for path in Path("model").iterdir()))
"""


async def shared(grid: Grid, files: Mapping[str, bytes], *, listed: bool = False) -> FileSet:
    """A set of stored files, as entries or `listed` in a manifest."""
    entries = tuple([await grid.put(path, data) for path, data in files.items()])
    listing = await grid.put("list", manifest.encode(entries)) if listed else None
    return file_set(entries, listing.sha256 if listing else None)


@pytest.mark.parametrize("listed", [False, True])
async def test_shared_files_lie_beside_the_own_ones(grid: Grid, listed: bool) -> None:
    files = await shared(grid, {"model/a": b"A", "model/b": b"B"}, listed=listed)
    for name in (b"one", b"two"):
        execution, result = await grid.run(READS, inputs={"in.txt": name}, args=("in.txt",), shared=files)
        assert (result.status, result.outputs.count) == ("succeeded", 0)
        await grid.until(lambda done=execution: grid.log(done, "stdout").endswith(b" A B\n"))
        assert grid.log(execution, "stdout") == name + b" A B\n"


async def test_shared_files_are_fetched_once_for_all_members(make_grid: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    came: list[str] = []
    add = BlobCache.add

    def counted(self: BlobCache, sha256: str) -> None:
        came.append(sha256)
        add(self, sha256)

    monkeypatch.setattr(BlobCache, "add", counted)
    grid = await make_grid("instant")
    files = await shared(grid, {f"model/{number}": b"%d" % number for number in range(300)}, listed=True)
    job = await grid.job("pass", shared=files)
    for number in range(3):
        own = await grid.put("in", b"own %d" % number)
        result = await grid.finished(await grid.send(replace(job, inputs=file_set((own,)))))
        assert result.status == "succeeded"
    assert len(came) == len(set(came)) == 300 + 1 + 1 + 3


async def test_a_path_that_is_both_shared_and_own_is_refused(make_grid: Make) -> None:
    grid = await make_grid("instant")
    files = await shared(grid, {"in": b"shared"})
    _, result = await grid.run("pass", inputs={"in": b"own"}, shared=files)
    assert (result.status, result.reason.code) == ("failed", "INPUT_DAMAGED")
