"""F12: the S3 store fails, slows down, breaks off and alters: nothing is accepted without its SHA-256, everything gets there."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.s3_relay import Relay, relaying
from tests.fixtures.grid import GridUnderTest
from tests.fixtures.needs import requires
from tests.fixtures.s3 import S3Server

pytestmark = requires("s3")

COPY = "import shutil\nshutil.copyfile('in.bin', 'out.bin')\n"
SIZE_BYTES = 20_000_000
"""Three parts."""


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
