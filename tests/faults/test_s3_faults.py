"""F12: the S3 store fails, slows down, breaks off and alters: nothing is accepted without its SHA-256, everything gets there."""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.test_large import RGRID, killed_when
from tests.faults.s3_relay import Relay, relaying
from tests.fixtures.grid import GridUnderTest
from tests.fixtures.needs import requires
from tests.fixtures.s3 import S3Server

pytestmark = requires("s3")

COPY = "import shutil\nshutil.copyfile('in.bin', 'out.bin')\n"
SIZE_BYTES = 20_000_000
"""Three parts."""
PARTS_AT_ONCE = 4
"""Parts that the command line sends at a time, and stretches that it fetches."""


@pytest.fixture(scope="module")
def relay(s3_server: S3Server) -> Iterator[Relay]:
    with relaying(s3_server.port) as found:
        yield found


@pytest.fixture(scope="module")
def behind(relay: Relay, s3_server: S3Server, guarded: Callable[[Path], None]) -> Iterator[GridUnderTest]:
    """A grid that reaches its store, as its clients do, through the relay."""
    settings = s3_server.environment(f"relay-{secrets.token_hex(6)}") | {"RGRID_S3_ENDPOINT": relay.endpoint}
    grid = GridUnderTest(Path(tempfile.mkdtemp(prefix="rgrid-t-")) / "home", settings)
    guarded(grid.home)
    try:
        yield grid.up()
    finally:
        grid.destroy()


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "copy.py").write_text(COPY)
    (tmp_path / "in.bin").write_bytes(os.urandom(SIZE_BYTES))
    return tmp_path


def comes_home(grid: GridUnderTest, desk: Path) -> str:
    """Run it to its end, compare, and give what was said on the way."""
    done = grid.rgrid("run", "copy.py", "--input", "in.bin", "-o", "home", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert (desk / "home" / "out.bin").read_bytes() == (desk / "in.bin").read_bytes()
    return done.stderr


@pytest.mark.parametrize(("kind", "count"), [("503", 4), ("429", 4), ("cut", 3), ("gone", 3), ("corrupt", 1)])
def test_parts_get_there_whatever_happens_to_them(
    behind: GridUnderTest, relay: Relay, desk: Path, kind: str, count: int
) -> None:
    with relay.first(count, kind, "PUT", "partNumber=") as hit:
        comes_home(behind, desk)
    assert hit == [count]


@pytest.mark.parametrize(("kind", "count"), [("503", 2), ("short", 2), ("gone", 2)])
def test_what_is_read_back_is_read_again(
    behind: GridUnderTest, relay: Relay, desk: Path, kind: str, count: int
) -> None:
    with relay.first(count, kind, "GET", "/incoming/") as hit:
        comes_home(behind, desk)
    assert hit[0] > 0


@pytest.mark.parametrize(("kind", "count"), [("503", 2), ("429", 2), ("short", 2), ("gone", 2)])
def test_outputs_come_home_whatever_happens_to_them(
    behind: GridUnderTest, relay: Relay, desk: Path, kind: str, count: int
) -> None:
    done = behind.rgrid("run", "copy.py", "--input", "in.bin", "--remote-only", cwd=desk)
    assert done.returncode == 0, done.stderr
    with relay.first(count, kind, "GET", "X-Amz-Signature=") as hit:
        done = behind.rgrid("download", "@last", "-o", "home", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert (desk / "home" / "out.bin").read_bytes() == (desk / "in.bin").read_bytes()
    assert hit == [count]
    if kind == "429":
        assert "web page" in done.stderr


def test_what_was_killed_is_not_sent_or_fetched_twice(behind: GridUnderTest, relay: Relay, desk: Path) -> None:
    parts, stretches = 15, 8
    with (desk / "in.bin").open("wb") as file:
        for _ in range(parts * 8):
            file.write(os.urandom(1024**2))
    words = ["run", "copy.py", "--input", "in.bin", "--remote-only", "--memory", "1g"]

    def came(method: str, mark: str) -> int:
        return sum(1 for asked, path, _ in relay.seen[before:] if asked == method and mark in path)

    with relay.holding(8, "PUT", "partNumber=") as held:
        killed_when(behind, words, desk, lambda: held == [PARTS_AT_ONCE])
    before = len(relay.seen)
    done = behind.rgrid(*words, cwd=desk)
    assert done.returncode == 0, done.stderr
    assert came("PUT", "partNumber=") == parts - 8

    with relay.holding(4, "GET", "X-Amz-Signature=") as held:
        killed_when(behind, ["download", "@last", "-o", "home"], desk, lambda: held == [PARTS_AT_ONCE])
    before = len(relay.seen)
    done = behind.rgrid("download", "@last", "-o", "home", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert came("GET", "X-Amz-Signature=") == stretches - 4
    assert (desk / "home" / "out.bin").read_bytes() == (desk / "in.bin").read_bytes()


def test_a_store_that_is_gone_for_a_while_is_waited_for(
    behind: GridUnderTest, relay: Relay, desk: Path, s3_server: S3Server
) -> None:
    (desk / "in.bin").write_bytes(os.urandom(60_000_000))
    process = subprocess.Popen(
        [RGRID, "run", "copy.py", "--input", "in.bin", "-o", "home"],
        cwd=desk, env=behind.env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with relay.holding(1, "PUT", "partNumber=") as held:
        while held != [PARTS_AT_ONCE]:
            assert process.poll() is None
            time.sleep(0.01)
        s3_server.stop()
    time.sleep(3)
    s3_server.start()
    told = process.communicate(timeout=120)[1]
    assert process.returncode == 0, told
    assert told.count("was interrupted") == 1
    assert (desk / "home" / "out.bin").read_bytes() == (desk / "in.bin").read_bytes()


def test_urls_that_expired_are_asked_for_anew(behind: GridUnderTest, relay: Relay, desk: Path) -> None:
    """The relay answers as S3 does to a signature that is too old."""
    with relay.first(3, "403", "PUT", "partNumber=") as hit:
        comes_home(behind, desk)
    assert hit == [3]
