"""Several things at once, of which the first failure is the failure of all."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


async def together(doings: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all of them; the first that raises ends the others, and its error is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            for doing in doings:
                group.create_task(doing)
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
        raise first from first.__cause__
