"""Appends per second of the log beside bare `js.publish`, same server, same run, sync always.

python -m tests.bench.log_append [appends]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from domain.account.commands import OpenAccount
from domain.account.events import AccountOpened
from services.runtime.codec import encode_commit
from services.runtime.handle import Handler
from services.runtime.jetstream import JetStreamLog
from services.runtime.log import Commit, Ref
from services.runtime.streams import apply_streams
from tests.bench.figures import figure
from tests.fixtures.nats import NatsServer

CONCURRENT = 64


async def rate(count: int, do: Callable[[int], Awaitable[object]]) -> float:
    """Calls of `do` per second, CONCURRENT at a time."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await do(number)

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(CONCURRENT)))
    return count / (time.perf_counter() - began)


async def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        server = NatsServer(Path(folder))
        server.start()
        bus = await server.connect("bench")
        await apply_streams(bus)
        log = JetStreamLog(bus)
        handler = Handler(log)
        js = bus.client.jetstream()

        def ref(prefix: str, number: int) -> Ref:
            return Ref("bench", "account", f"{prefix}{number}")

        def commit(number: int) -> Commit:
            return Commit(ref("log", number), "c", 1, "key:bench", (AccountOpened("x"),))

        data = encode_commit(commit(0), 0)
        bare = await rate(count, lambda n: js.publish(f"rgrid.log.bench.bare.b{n}", data))
        appended = await rate(count, lambda n: log.append(commit(n), 0))
        handled = await rate(
            count, lambda n: handler.handle(ref("h", n), OpenAccount("x"), command_id="c", actor="key:bench")
        )
        beside = f"js.publish {bare:,.0f} /s, {CONCURRENT} at a time"
        figure("JetStreamLog.append", f"{appended:,.0f} /s", baseline=beside, target="reported")
        figure(
            "Handler.handle (load, decide, append; all new)", f"{handled:,.0f} /s", baseline=beside, target="reported"
        )
        await bus.close()
        server.kill()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5_000))
