"""F19: a flood of log with a slow reader: bounded by the named limit, bounded memory, the execution unaffected."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path

import websockets

from tests.faults.client import Client
from tests.faults.scripts import begin
from tests.fixtures.grid import GridUnderTest

LOG_BYTES_MAX = 64 * 1024**2
WRITTEN_LINES = 1_500_000
LINE = b"x" * 99 + b"\n"
FLOOD = b"import sys\nfor _ in range(%d): sys.stdout.buffer.write(b'x' * 99 + b'\\n')\n" % WRITTEN_LINES
MEMORY_BYTES_MAX = 200 * 1024**2


async def test_a_flood_is_bounded_for_a_slow_reader_too(new_grid: Callable[..., GridUnderTest]) -> None:
    grid = new_grid(RGRID_LOG_BYTES_MAX=str(LOG_BYTES_MAX)).up()
    pids = grid.pids
    peaks = Peaks([pids["gateway"], pids["runner"]])
    client, id = await asyncio.to_thread(begin, grid, FLOOD)
    slow = asyncio.create_task(read_slowly(client, id))
    doc = await asyncio.to_thread(client.ended, id, 90)
    log = doc["log"]
    assert doc["status"] == "succeeded"
    assert LOG_BYTES_MAX <= log["size_bytes"] <= LOG_BYTES_MAX + 1024
    assert log["size_bytes"] + log["dropped_bytes"] == WRITTEN_LINES * len(LINE) + notice_bytes(log)
    read = await slow
    assert read["end"]["log"]["chunks"] == read["chunks"] == log["chunks"]
    assert read["bytes"] == log["size_bytes"]
    assert peaks.stop() < MEMORY_BYTES_MAX


def notice_bytes(log: dict[str, int]) -> int:
    """Our own word about the limit counts to the log, and the script did not write it."""
    return log["size_bytes"] - LOG_BYTES_MAX


async def read_slowly(client: Client, id: str) -> dict[str, object]:
    """Take a pause after every chunk until the flood is over; then to the end."""
    url = client.base.replace("http", "ws", 1) + f"/executions/{id}/logs/stream"
    seen = {"chunks": 0, "bytes": 0}
    headers = {"Authorization": f"Bearer {client.key}"}
    async with websockets.connect(url, additional_headers=headers, max_queue=1, ping_interval=None) as stream:
        async for frame in stream:
            if isinstance(frame, bytes):
                head, _, data = frame.partition(b"\n")
                seen["chunks"] += 1
                assert json.loads(head)["chunk"] == seen["chunks"]
                seen["bytes"] += len(data)
                await asyncio.sleep(0.05 if seen["chunks"] < 100 else 0)
            elif (word := json.loads(frame))["type"] == "end":
                return {**seen, "end": word}
            else:
                assert word["type"] != "gap"
    raise AssertionError("the stream ended without an end")


class Peaks:
    """The largest resident memory of some processes, looked at ten times a second."""

    def __init__(self, pids: list[int]) -> None:
        self._pids, self._peak, self._over = pids, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def stop(self) -> int:
        self._over.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while not self._over.wait(0.1):
            for pid in self._pids:
                pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                self._peak = max(self._peak, pages * 4096)
