"""A whole grid whose artifacts lie in an S3 store: nothing of a person's files in a folder of the grid."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.grid import GridUnderTest
from tests.fixtures.needs import requires
from tests.fixtures.s3 import S3Server

pytestmark = requires("s3")

COPY = """
import os, shutil, sys
print(sum(1 for _ in os.scandir("in")))
shutil.copyfile("big.bin", "out.bin")
os.mkdir("made")
for name in os.listdir("in"):
    shutil.copyfile(f"in/{name}", f"made/{name}")
"""


@pytest.fixture
def on_s3(new_grid: Callable[..., GridUnderTest], s3_server: S3Server) -> GridUnderTest:
    return new_grid(**s3_server.environment(f"grid-{secrets.token_hex(6)}")).up()


def test_a_run_with_small_and_large_files_both_ways(on_s3: GridUnderTest, tmp_path: Path) -> None:
    big = os.urandom(30_000_000)
    (tmp_path / "big.bin").write_bytes(big)
    (tmp_path / "copy.py").write_text(COPY)
    (tmp_path / "in").mkdir()
    for number in range(400):
        (tmp_path / "in" / f"{number}.txt").write_text(f"{number}\n" * (number % 9))
    words = ("run", "copy.py", "--input", "in", "--input", "big.bin", "-o", "home")
    done = on_s3.rgrid(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "400\n"), done.stderr
    assert hashlib.sha256((tmp_path / "home" / "out.bin").read_bytes()).digest() == hashlib.sha256(big).digest()
    for number in range(400):
        name = f"{number}.txt"
        assert (tmp_path / "home" / "made" / name).read_text() == (tmp_path / "in" / name).read_text()
    again = on_s3.rgrid("run", "copy.py", "--input", "in", "--input", "big.bin", "--remote-only", cwd=tmp_path)
    assert (again.returncode, "401 inputs (30 MB) known" in again.stderr) == (0, True), again.stderr
    logs = on_s3.rgrid("logs", "@last", cwd=tmp_path)
    assert logs.stdout == "400\n"
    assert not [path for path in (on_s3.home / "artifacts").rglob("*") if path.is_file()]


def test_a_store_that_refuses_us_is_named_at_the_start(
    new_grid: Callable[..., GridUnderTest], s3_server: S3Server
) -> None:
    grid = new_grid(**s3_server.environment("some-bucket") | {"RGRID_S3_SECRET_KEY": "wrong-secret-key"})
    done = grid.local("up", "-d", check=False)
    assert done.returncode == 1
    assert "refuses us" in done.stdout + done.stderr
    assert "RGRID_S3_ENDPOINT" in done.stdout + done.stderr
