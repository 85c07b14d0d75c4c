"""Removes the log of an execution from the stream of logs, when it is not kept any longer."""

from __future__ import annotations

from services.runtime import subjects
from services.runtime.bus import Bus


async def purge_log(bus: Bus, account: str, execution: str) -> None:
    """Every chunk of it, of all nodes. Raises Unavailable."""
    await bus.api(f"STREAM.PURGE.{subjects.LOGS}", {"filter": subjects.log_filter(account, execution)})
