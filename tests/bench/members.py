"""What members cost by their number: submitting ten thousand, looking at them, and a whole life as a batch grows.

Over the gateway's HTTP, on the grid whose scripts end at once. `python -m tests.bench.members [members]`.
"""

from __future__ import annotations

import asyncio
import hashlib
import statistics
import sys
import time
from typing import Any

import orjson
import uvloop

from domain.batch.members import Member, encode
from tests.bench.figures import figure, ms
from tests.bench.grid import instant_grid
from tests.bench.http import Connection, stored_blob, stored_script
from tests.fixtures.grid import GridUnderTest

MEMBERS_DEFAULT = 10_000
SUBMIT_SECONDS, PAGE_SECONDS, PAGE_BYTES = 3.0, 0.2, 100_000
GROWTH = (100, 1_000, 10_000)
FLAT = 1.2
LIVES_TARGET = 300
LOOK_SECONDS, PAGES = 0.02, 20


async def submit(connection: Connection, count: int, **more: Any) -> str:
    """A batch of `count` members without inputs; its id."""
    listed = encode(Member(f"m{number}", (str(number),)) for number in range(count))
    blob = await stored_blob(connection, listed)
    body = {
        "script": await stored_script(connection, b"pass\n"),
        "runtime": "python",
        "members": {**blob, "count": count},
        "limits": {"cpu_millis": 10, "memory_bytes": 32 << 20},
        "name": hashlib.sha256(f"{time.time_ns()}".encode()).hexdigest()[:12],
        **more,
    }
    status, answer = await connection.post("/api/v1/batches", body)
    assert status == 201, answer
    return str(orjson.loads(answer)["id"])


async def until(connection: Connection, batch: str, key: str) -> dict[str, Any]:
    """The batch once `key` is set in it."""
    while True:
        status, answer = await connection.get(f"/api/v1/batches/{batch}")
        found: dict[str, Any] = orjson.loads(answer)
        if status == 200 and found[key]:
            return found
        await asyncio.sleep(LOOK_SECONDS)


async def submitting(connection: Connection, count: int) -> None:
    """From the request to all members in the read model; one at a time runs, so that nothing else is measured."""
    began = time.perf_counter()
    batch = await submit(connection, count, parallel=1)
    acknowledged = time.perf_counter() - began
    await until(connection, batch, "expanded")
    seconds = time.perf_counter() - began
    figure(
        f"{count:,} members submitted, until all are there",
        f"{seconds:.2f} s",
        baseline=f"acknowledged after {ms(acknowledged)}",
        target=f"<= {SUBMIT_SECONDS:.0f} s",
        met=seconds <= SUBMIT_SECONDS,
    )
    pages = []
    for _ in range(PAGES):
        began = time.perf_counter()
        status, answer = await connection.get(f"/api/v1/batches/{batch}/members")
        pages.append(time.perf_counter() - began)
        assert status == 200 and orjson.loads(answer)["items"]
    page, one = statistics.median(pages), len(answer)
    figure(
        "  first page of its members",
        f"{ms(page)}, {one / 1000:.0f} KB",
        target=f"<= {PAGE_SECONDS * 1000:.0f} ms, {PAGE_BYTES // 1000} KB",
        met=page <= PAGE_SECONDS and one <= PAGE_BYTES,
    )
    await connection.post(f"/api/v1/batches/{batch}/cancel", {})
    await until(connection, batch, "finished_at")


async def growth(connection: Connection) -> None:
    """Milliseconds a member, submitted to finished, for batches of several sizes."""
    each: dict[int, float] = {}
    for count in GROWTH:
        rounds = []
        for _ in range(3 if count < GROWTH[-1] else 1):
            began = time.perf_counter()
            await until(connection, await submit(connection, count), "finished_at")
            rounds.append((time.perf_counter() - began) / count * 1e3)
        each[count] = statistics.median(rounds)
    most, least = max(each.values()), min(each.values())
    figure(
        "cost of a member as the batch grows",
        " · ".join(f"{value:.2f}" for value in each.values()) + " ms",
        baseline="batches of " + ", ".join(f"{count:,}" for count in each),
        target=f"flat within {FLAT - 1:.0%}",
        met=most <= least * FLAT,
    )
    rate = 1000 / each[GROWTH[-1]]
    figure("  lives of members", f"{rate:,.0f} /s", target=f">= {LIVES_TARGET} /s", met=rate >= LIVES_TARGET)


async def measure(grid: GridUnderTest, count: int) -> None:
    connection = await Connection.open(grid.api_url, grid.api_key)
    await until(connection, await submit(connection, 200), "finished_at")
    await submitting(connection, count)
    await growth(connection)
    connection.close()


def main() -> None:
    with instant_grid() as grid:
        uvloop.run(measure(grid, int(sys.argv[1]) if len(sys.argv) > 1 else MEMBERS_DEFAULT))


if __name__ == "__main__":
    main()
