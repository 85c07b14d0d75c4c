"""Logs of a real run, byte for byte: live, from the stream, and from the archive once the stream has forgotten."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from services.runtime import subjects
from services.runtime.connection import connect
from tests.fixtures.grid import GridUnderTest

SEEDED = """
import random, sys, time
rnd = random.Random(7)
for number in range(300):
    stream = (sys.stdout if rnd.random() < 0.6 else sys.stderr).buffer
    stream.write(piece(rnd, number))
    stream.flush()
    if number % 50 == 0:
        time.sleep(0.02)
sys.stdout.buffer.write(b"x" * (1 << 20) + b"\\\\n" + b"no newline at the end")
"""
PIECE = """
def piece(rnd, number):
    kinds = [
        b"\\x1b[31mred\\x1b[0m %d\\n" % number,
        b"progress %d\\r" % number,
        bytes(rnd.randrange(256) for _ in range(200)),
        b"half a line ",
        b"\\n\\n\\n",
        b"line %d\\n" % number * rnd.randrange(1, 400),
    ]
    return kinds[rnd.randrange(len(kinds))]
"""


def expected() -> tuple[bytes, bytes]:
    """What SEEDED writes to stdout and to stderr."""
    names: dict[str, Callable[[random.Random, int], bytes]] = {}
    exec(PIECE, names)
    rnd, out, err = random.Random(7), b"", b""
    for number in range(300):
        if rnd.random() < 0.6:
            out += names["piece"](rnd, number)
        else:
            err += names["piece"](rnd, number)
    return out + b"x" * (1 << 20) + b"\n" + b"no newline at the end", err


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "noisy.py").write_text(PIECE + SEEDED.replace("\\\\n", "\\n"))
    return tmp_path


def purge_logs(grid: GridUnderTest) -> None:
    """Forget every chunk, as the stream does by age and by size."""
    port = json.loads((grid.home / "ports.json").read_text())["nats-server"]
    password = json.loads((grid.home / "secrets.json").read_text())["nats_control"]

    async def purge() -> None:
        bus = await connect(f"nats://127.0.0.1:{port}", "control", password, wait_seconds=10)
        await bus.api(f"STREAM.PURGE.{subjects.LOGS}")
        await bus.close()

    asyncio.run(purge())


def test_every_byte_is_there_live_and_later_and_after_the_stream_forgot(shared_grid: GridUnderTest, desk: Path) -> None:
    out, err = expected()
    done = shared_grid.rgrid("run", "noisy.py", "--remote-only", cwd=desk, text=False)
    assert done.stdout == out
    assert err in done.stderr or all(line in done.stderr for line in err.splitlines() if line)
    id = json.loads(shared_grid.rgrid("status", "@last", "--json").stdout)["id"]

    def logs(*options: str) -> tuple[bytes, bytes]:
        found = shared_grid.rgrid("logs", id, *options, text=False)
        assert found.returncode == 0, found.stderr
        return found.stdout, found.stderr

    def all_of_it() -> list[tuple[bytes, bytes]]:
        ways = ((), ("--stream", "stdout"), ("--stream", "stderr"), ("--json",), ("--tail", "5"), ("-f",))
        return [logs(*options) for options in ways]

    kept = all_of_it()
    assert kept[0][0] == kept[1][0] == kept[5][0] == out
    assert kept[0][1].startswith(err) and kept[2][1].startswith(err), "what comes behind it are rgrid's own words"
    doc = json.loads(shared_grid.rgrid("status", id, "--json").stdout)
    assert doc["log"]["size_bytes"] == len(out) + len(err) and doc["log"]["dropped_bytes"] == 0
    purge_logs(shared_grid)
    assert all_of_it() == kept


def test_at_its_limit_a_log_says_so_and_counts_what_it_drops(
    new_grid: Callable[..., GridUnderTest], tmp_path: Path
) -> None:
    grid = new_grid(RGRID_LOG_BYTES_MAX="100000").up()
    (tmp_path / "flood.py").write_text(
        "for i in range(20_000):\n    print(f'line {i:08}')\nopen('o.txt', 'w').write('done')\n"
    )
    done = grid.rgrid("run", "flood.py", "-o", "home", cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / "home/o.txt").read_text() == "done"
    whole = "".join(f"line {i:08}\n" for i in range(20_000))
    assert done.stdout == whole[:100_000]
    assert "RGRID_LOG_BYTES_MAX" in done.stderr and "100,000 bytes" in done.stderr
    doc = json.loads(grid.rgrid("status", "@last", "--json").stdout)
    dropped = doc["log"]
    assert dropped["dropped_bytes"] == len(whole) - 100_000
    assert dropped["dropped_lines"] + whole[:100_000].count("\n") in (20_000, 20_001)
    assert f"{dropped['dropped_lines']:,} lines" in done.stderr
    assert grid.rgrid("logs", "@last", "--stream", "stdout").stdout == whole[:100_000]
