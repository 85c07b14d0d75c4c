"""What cannot be had is said by name, with what to type; and whose fault it was decides whether it is tried again."""

from __future__ import annotations

import pytest

from domain.execution.events import AttemptResult
from domain.execution.job import Environment
from services.runner.environments.blame import uv_failed
from services.runner.environments.failures import Unbuildable, Unbuilt
from services.runner.environments.tool import Done
from tests.services.runner.environments.conftest import python
from tests.services.runner.environments.wheels import Shop
from tests.services.runner.grid import Grid


async def result_of(grid: Grid, lock: bytes, kind: str = "python") -> AttemptResult:
    environment = Environment(kind, (await python(grid, lock)).lock)
    _, result = await grid.run("pass", environment=environment)
    return result


async def failed(grid: Grid, lock: bytes, *words: str, kind: str = "python") -> str:
    """It ended as the script's own failure, and says all of `words`."""
    result = await result_of(grid, lock, kind)
    assert (result.status, result.reason.code) == ("failed", "ENVIRONMENT_FAILED"), result
    said = f"{result.reason.message} | {result.reason.hint}"
    assert all(word in said for word in words), said
    assert "://" not in said
    assert not grid.node.environments.kept()
    return said


async def test_another_content_than_was_locked(instant: Grid, shop: Shop) -> None:
    shop.wheel("thing")
    lock = shop.lock("thing").replace(shop.hashes["thing"].encode(), b"0" * 64)
    await failed(instant, lock, "thing", "hash", "Lock the packages anew")


async def test_no_wheel_for_this_platform(instant: Grid, shop: Shop) -> None:
    shop.wheel("thing", tag="cp311-cp311-win_amd64")
    await failed(instant, shop.lock("thing"), "thing==1.0", "wheel", "--allow-builds")


async def test_only_a_source_distribution(instant: Grid, shop: Shop) -> None:
    shop.sdist("thing")
    await failed(instant, shop.lock("thing"), "thing==1.0", "wheel", "--allow-builds")


async def test_a_package_that_does_not_exist(instant: Grid, shop: Shop) -> None:
    shop.wheel("thing")
    await failed(instant, shop.lock("thing", "nothing"), "nothing")


async def test_a_version_that_does_not_exist(instant: Grid, shop: Shop) -> None:
    shop.wheel("thing")
    await failed(instant, shop.lock("thing", version="2.0"), "thing")


async def test_a_broken_wheel(instant: Grid, shop: Shop) -> None:
    shop.add("thing-1.0-py3-none-any.whl", b"this is no wheel")
    await failed(instant, shop.lock("thing"), "thing==1.0", "Choose another version")


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://somewhere.example/simple",
        "-r /etc/passwd",
        "-e /home/someone",
        "thing @ file:///home/someone/thing.whl --hash=sha256:" + "0" * 64,
        "git+https://somewhere.example/thing.git",
        "thing==1.0",
        "thing>=1.0 --hash=sha256:" + "0" * 64,
        "thing==1.0 --hash=md5:" + "0" * 32,
        "thing==1.0 --hash=sha256:" + "0" * 64 + " --config-settings=x",
        "\udcff",
    ],
)
async def test_a_lock_that_says_more_than_pins_and_hashes(instant: Grid, shop: Shop, line: str) -> None:
    await failed(instant, line.encode("utf-8", "surrogateescape"), "lock")


async def test_a_kind_that_nobody_knows(instant: Grid, shop: Shop) -> None:
    assert (await result_of(instant, b"", "python")).status == "succeeded"
    result = await result_of(instant, b"", "ruby")
    assert (result.status, result.reason.code) == ("failed", "ENVIRONMENT_FAILED")


async def test_an_index_that_does_not_answer_is_no_fault_of_the_script(
    instant: Grid, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.wheel("thing")
    monkeypatch.delenv("UV_NO_INDEX")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    result = await result_of(instant, shop.lock("thing", "other"))
    assert (result.status, result.reason.code) == ("lost", "ENVIRONMENT_UNAVAILABLE"), result
    assert "127.0.0.1" not in result.reason.message


async def test_a_folder_of_packages_that_is_gone_is_named_and_not_tried_again(
    instant: Grid, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.wheel("thing")
    monkeypatch.setenv("UV_FIND_LINKS", "/nowhere/wheels")
    await failed(instant, shop.lock("thing"), "/nowhere/wheels", "UV_FIND_LINKS", "PIP_FIND_LINKS")


async def test_without_uv_the_node_says_so(instant: Grid, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.wheel("thing")
    monkeypatch.setattr("services.runner.environments.uv.shutil.which", lambda *_, **__: None)
    monkeypatch.setattr("services.runner.environments.uv.metadata.files", lambda _: [])
    result = await result_of(instant, shop.lock("thing"))
    assert (result.status, result.reason.code) == ("lost", "ENVIRONMENT_UNAVAILABLE")
    assert "pip install uv" in result.reason.message


def test_what_uv_did_not_expect_is_no_fault_of_the_script() -> None:
    """As when its cache is taken away below it."""
    said = "error: failed to open file `/somewhere/archive`: No such file or directory (os error 2)"
    assert isinstance(uv_failed(Done(2, said)), Unbuilt)
    assert isinstance(uv_failed(Done(1, "error: it cannot be resolved")), Unbuildable)
