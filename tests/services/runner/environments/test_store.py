"""From node to node through the artifact store: what one has made, another one fetches; and nothing is taken on trust."""

from __future__ import annotations

import hashlib
import io
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
import zstandard

from services.runner.environments import python as building
from services.runner.environments.pack import pack
from services.runner.environments.unpack import BadArchive, unpack
from tests.services.runner.environments.conftest import python
from tests.services.runner.environments.wheels import Shop
from tests.services.runner.grid import Grid


@pytest.fixture
def no_builds(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Counts builds: empty as long as everything was fetched."""
    found: list[Path] = []
    real = building.make

    async def counted(folder: Path, *arguments: Any) -> None:
        found.append(folder)
        await real(folder, *arguments)

    monkeypatch.setattr(building, "make", counted)
    return found


async def afresh(grid: Grid) -> None:
    """The same node id with nothing on its disk: a fresh machine."""
    await grid.end()
    shutil.rmtree(grid.folder / "environments")
    grid.begin()
    lives = len([verb for verb, _ in grid.reports if verb == "joined"])
    await grid.until(lambda: len([verb for verb, _ in grid.reports if verb == "joined"]) > lives)


async def made(grid: Grid, shop: Shop) -> tuple[Any, dict[str, Any]]:
    """An environment that is in the store: what a job says of it, and the fact."""
    shop.wheel("thing")
    environment = await python(grid, shop.lock("thing"))
    execution, _ = await grid.run("pass", environment=environment)
    [fact] = grid.facts("environment", execution)
    grid.archives[fact["id"]] = fact["archive"]["sha256"]
    return environment, fact


async def test_a_fresh_node_fetches_it(instant: Grid, shop: Shop, no_builds: list[Path]) -> None:
    environment, fact = await made(instant, shop)
    before = tree(instant.folder / "environments" / fact["id"])
    await afresh(instant)
    execution, result = await instant.run("print(2)", environment=environment)
    assert result.status == "succeeded"
    [again] = instant.facts("environment", execution)
    assert (again["event"], again["id"], again["archive"], again["packages"]) == ("fetched", fact["id"], None, 1)
    assert len(no_builds) == 1
    assert tree(instant.folder / "environments" / fact["id"]) == before


def tree(folder: Path) -> dict[str, Any]:
    """What is in it, modes and links included; without the one file that says when and how it came here."""
    found: dict[str, Any] = {}
    for path in folder.rglob("*"):
        name, mode = str(path.relative_to(folder)), path.lstat().st_mode
        if path.is_symlink():
            found[name] = (mode, str(path.readlink()))
        elif name != "rgrid-environment.json":
            found[name] = (mode, path.read_bytes() if path.is_file() else b"")
    return found


async def test_equal_content_is_an_equal_archive(instant: Grid, shop: Shop) -> None:
    environment, fact = await made(instant, shop)
    instant.archives.clear()
    await afresh(instant)
    execution, _ = await instant.run("print(2)", environment=environment)
    [again] = instant.facts("environment", execution)
    assert (again["event"], again["archive"]) == ("built", fact["archive"])


async def test_a_damaged_archive_is_not_used(instant: Grid, shop: Shop, no_builds: list[Path]) -> None:
    environment, fact = await made(instant, shop)
    other = await instant.put("environment.tar.zst", b"this is no archive")
    instant.archives[fact["id"]] = other.sha256
    await afresh(instant)
    execution, result = await instant.run("print(2)", environment=environment)
    assert result.status == "succeeded"
    assert [each["event"] for each in instant.facts("environment", execution)] == ["built"]
    assert len(no_builds) == 2


async def test_an_archive_that_is_gone_is_not_waited_for(instant: Grid, shop: Shop) -> None:
    environment, fact = await made(instant, shop)
    instant.archives[fact["id"]] = "0" * 64
    await afresh(instant)
    _, result = await instant.run("print(2)", environment=environment)
    assert result.status == "succeeded"


async def test_a_store_that_takes_nothing_fails_no_run(
    instant: Grid, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("services.runner.environments.telling.pack", refuse)
    shop.wheel("thing")
    execution, result = await instant.run("pass", environment=await python(instant, shop.lock("thing")))
    assert result.status == "succeeded"
    [fact] = instant.facts("environment", execution)
    assert (fact["event"], fact["archive"]) == ("built", None)


FILE, FOLDER = tarfile.REGTYPE, tarfile.DIRTYPE


def member(name: str, kind: bytes = FILE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size, found.mode = kind, link, size, 0o4777
    return found


def archive(path: Path, *members: tarfile.TarInfo) -> str:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for each in members:
            tar.addfile(each, io.BytesIO(bytes(each.size)))
    data = zstandard.compress(packed.getvalue())
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


TRICKS = {
    "up": [member("../outside")],
    "absolute": [member("/tmp/outside")],
    "without its folder": [member("lib/x")],
    "link up": [member("link", tarfile.SYMTYPE, "../outside")],
    "absolute link": [member("link", tarfile.SYMTYPE, "/etc/passwd")],
    "link through a link": [
        member("a", FOLDER),
        member("a/b", tarfile.SYMTYPE, ".."),
        member("c", tarfile.SYMTYPE, "a/b/../outside"),
    ],
    "through a link": [member("link", tarfile.SYMTYPE, "."), member("link/x")],
    "hard link": [member("x"), member("y", tarfile.LNKTYPE, "x")],
    "device": [member("x", tarfile.CHRTYPE)],
    "pipe": [member("x", tarfile.FIFOTYPE)],
    "twice": [member("x"), member("x")],
    "the manifest": [member("rgrid-environment.json")],
    "the interpreter": [member("bin", FOLDER), member("bin/python")],
    "too large": [member("x", size=2_000_000)],
    "a dot": [member("./x")],
}


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks_of_an_archive_are_refused(tmp_path: Path, trick: str) -> None:
    sha256 = archive(tmp_path / "archive", *TRICKS[trick])
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadArchive):
        unpack(tmp_path / "archive", sha256, tmp_path / "folder", 1_000_000)
    assert not (tmp_path / "outside").exists()


def test_what_is_cut_off_or_not_what_its_hash_says_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "lib").mkdir(parents=True)
    (source / "lib/file.py").write_text("x = 1\n" * 10_000)
    (source / "lib/link").symlink_to("file.py")
    upload = pack(source, tmp_path / "archive")
    for number, cut in enumerate((0, 10, upload.size_bytes // 2, upload.size_bytes - 1)):
        data = upload.path.read_bytes()[:cut]
        (tmp_path / "cut").write_bytes(data)
        for sha256 in (upload.sha256, hashlib.sha256(data).hexdigest()):
            folder = tmp_path / f"folder{number}{sha256[:4]}"
            folder.mkdir()
            with pytest.raises(BadArchive):
                unpack(tmp_path / "cut", sha256, folder, 1_000_000)
    whole = tmp_path / "whole"
    whole.mkdir()
    unpack(upload.path, upload.sha256, whole, 1_000_000)
    assert tree(whole) == tree(source)


def test_a_header_that_fills_the_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
        sha256 = archive(tmp_path / "archive", member("x", kind, size=5_000_000))
        with pytest.raises(BadArchive, match="a header of 5,000,000 bytes"):
            unpack(tmp_path / "archive", sha256, tmp_path, 10_000_000)


def test_the_setuid_bit_does_not_travel(tmp_path: Path) -> None:
    sha256 = archive(tmp_path / "archive", member("x"))
    (tmp_path / "folder").mkdir()
    unpack(tmp_path / "archive", sha256, tmp_path / "folder", 1_000_000)
    assert (tmp_path / "folder/x").stat().st_mode & 0o7777 == 0o755
