"""The janitor sweeps a real store."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import cast

from services import janitor
from services.artifacts.local import PART_SECONDS_MAX, PARTS, LocalStore
from services.artifacts.signing import Signer
from services.runtime.bus import Bus
from services.runtime.handle import Handler
from services.runtime.memory import MemoryLog
from services.runtime.service import Context, Shell


async def test_what_an_upload_left_a_day_ago_is_gone_at_the_first_sweep(tmp_path: Path) -> None:
    parts = tmp_path / "local" / PARTS
    parts.mkdir(parents=True)
    old, fresh = parts / "old", parts / "fresh"
    for part in (old, fresh):
        part.write_bytes(b"half")
    long_ago = old.stat().st_mtime - PART_SECONDS_MAX - 60
    os.utime(old, (long_ago, long_ago))
    store = LocalStore(tmp_path, Signer(bytes(32), "http://127.0.0.1"))
    shell = Shell(cast(Bus, None), Handler(MemoryLog()), store=store)
    sweeping = asyncio.create_task(janitor.run(Context(janitor.SERVICE, shell)))
    await asyncio.to_thread(wait_gone, old)
    assert fresh.exists() and not sweeping.done()
    sweeping.cancel()
    store.close()


def wait_gone(path: Path) -> None:
    deadline = time.monotonic() + 20
    while path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
