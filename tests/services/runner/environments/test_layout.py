"""What an environment looks like on disk, and what a script makes of it."""

from __future__ import annotations

import asyncio
import os
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from services.runner.environments.folder import MANIFEST
from services.runner.interpreters import Interpreter, interpreters
from tests.services.runner.environments.conftest import python
from tests.services.runner.environments.wheels import Shop
from tests.services.runner.grid import Grid, Make

HELLO = "def hello():\n    print('hello from', __file__)\n"
SCRIPT = """
import subprocess, sys
import thing, extra
print(extra.VALUE, sys.prefix, flush=True)
subprocess.run(["thing-hello"], check=True)
print([path for path in sys.path if "site-packages" in path])
"""


def only(grid: Grid) -> Path:
    [kept] = grid.node.environments.kept()
    return grid.folder / "environments" / kept.id


@pytest.mark.parametrize("kind", ["bubblewrap", "process"])
async def test_links_of_packages_and_their_programs_work(
    make_grid: Make, shop: Shop, kind: str, request: pytest.FixtureRequest
) -> None:
    if kind == "bubblewrap":
        request.getfixturevalue("needs_bubblewrap")
    grid = await make_grid(kind)
    shop.wheel("thing", thing=HELLO)
    wheel(shop, "hidden", {"hidden.pth": "below\n", "below/extra.py": "VALUE = 42\n"})
    execution, result = await grid.run(SCRIPT, environment=await python(grid, shop.lock("thing", "hidden")))
    out = grid.log(execution, "stdout").decode().splitlines()
    assert result.status == "succeeded", (grid.log(execution, "stderr"), out)
    assert out[0] == f"42 {'/env' if kind == 'bubblewrap' else only(grid)}"
    assert out[1].startswith("hello from ")
    assert grid.log(execution, "stderr") == b""


def wheel(shop: Shop, name: str, files: dict[str, str]) -> None:
    """A wheel with files of any name."""
    info = f"{name}-1.0.dist-info"
    files = {**files, f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"}
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files)
    path = shop.folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for each, text in files.items():
            archive.writestr(each, text)
    shop.add(path.name, path.read_bytes())


async def test_every_file_can_be_read_by_every_script_and_is_compiled(instant: Grid, shop: Shop) -> None:
    shop.wheel("thing")
    os.umask(0o077)
    try:
        await instant.run("pass", environment=await python(instant, shop.lock("thing")))
    finally:
        os.umask(0o022)
    folder = only(instant)
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode & 0o7777
        assert path.is_symlink() or mode in ((0o755,) if path.is_dir() else (0o644, 0o755)), (path, oct(mode))
    assert list(folder.rglob("thing.cpython-*.pyc"))
    assert (folder / "bin" / "thing-hello").read_text().startswith("#!/usr/bin/env python\n")
    assert {path.name for path in folder.iterdir()} == {MANIFEST, "pyvenv.cfg", "bin", "lib"}
    text = "".join(path.read_text(errors="replace") for path in folder.rglob("*") if path.is_file())
    assert str(instant.folder) not in text


def others() -> list[Interpreter]:
    """Pythons of other versions on this machine."""
    found = sorted(Path.home().glob(".pyenv/versions/3.1[2-9]*/bin/python3")) + sorted(
        Path("/usr/bin").glob("python3.1?")
    )
    return [each for each in interpreters(tuple(map(str, found))) if each.runtime == "python"][1:]


async def test_an_environment_of_another_python(make_grid: Make, shop: Shop) -> None:
    if not others():
        pytest.skip("there is only one Python here; install another one and name it in RGRID_PYTHONS")
    other = others()[0]
    grid = await make_grid("process", pythons=(other.program,))
    grid.sandbox.interpreters = interpreters((other.program,))
    shop.wheel("thing")
    code = "import sys, thing; print(sys.version_info[1], thing.VALUE)"
    environment = await python(grid, shop.lock("thing"))
    execution, result = await grid.run(code, environment=environment, interpreter=other.minor)
    assert result.status == "succeeded", (result, grid.log(execution, "stderr"))
    assert grid.log(execution, "stdout") == f"{other.minor.partition('.')[2]} 42\n".encode()
    compiled = f"__pycache__/thing.cpython-{other.minor.replace('.', '')}.pyc"
    assert (only(grid) / f"lib/python{other.minor}/site-packages" / compiled).is_file()


async def test_an_environment_for_a_python_that_only_a_box_has(
    make_grid: Make, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made by what is known of that Python: version and platform."""
    grid = await make_grid("instant")
    program = "/opt/in-an-image/bin/python3.14"
    shop.wheel("thing")
    shop.wheel("native", tag="cp314-cp314-manylinux_2_17_x86_64")
    away = Interpreter("python", "3.14.0", program, "cpython-3.14.0-linux-x86_64-image-0123456789ab", "sha256:0")
    monkeypatch.setattr(type(grid.sandbox), "interpreters", (away,))
    _, result = await grid.run("pass", environment=await python(grid, shop.lock("thing", "native")), interpreter="3.14")
    assert result.status == "succeeded", result
    folder = only(grid)
    assert (folder / "lib/python3.14/site-packages/native.py").is_file()
    assert str((folder / "bin/python").readlink()) == program
    assert {path.name for path in (folder / "lib").iterdir()} == {"python3.14"}


async def test_a_second_build_takes_what_the_first_one_fetched(
    instant: Grid, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.wheel("thing")
    shop.wheel("other")
    await instant.run("pass", environment=await python(instant, shop.lock("thing")))
    cache = instant.folder / "environments" / "caches" / "uv"
    assert cache.is_dir()
    _, result = await instant.run("pass", environment=await python(instant, shop.lock("thing", "other")))
    assert result.status == "succeeded"
    assert len(instant.node.environments.kept()) == 2


async def test_an_interpreter_that_is_gone_is_named(make_grid: Make, shop: Shop, tmp_path: Path) -> None:
    grid = await make_grid("process")
    shop.wheel("thing")
    environment = await python(grid, shop.lock("thing"))
    await grid.run("import thing", environment=environment)
    gone = replace(interpreters()[0], program=str(tmp_path / "gone" / "python3"))
    grid.sandbox.interpreters = (gone,)
    grid.node.environments._making = replace(grid.node.environments._making, here=(gone,))
    _, result = await grid.run("import thing", environment=environment)
    assert (result.status, result.reason.code) == ("lost", "ENVIRONMENT_UNAVAILABLE")
    assert f"{gone.program} is gone" in result.reason.message


async def test_what_tools_keep_between_builds_is_bounded(make_grid: Make, shop: Shop) -> None:
    grid = await make_grid("process", environment_bytes_max=1_000_000)
    for name in ("one", "two"):
        shop.wheel(name, **{name: f"# {'x' * 2_000_000}\n"})
        await grid.run(f"import {name}", environment=await python(grid, shop.lock(name)))
    cache = grid.folder / "environments" / "caches"
    size = lambda: sum(path.lstat().st_size for path in cache.rglob("*"))  # noqa: E731
    await asyncio.gather(*grid.node.environments._chores)
    assert size() < 1_000_000
