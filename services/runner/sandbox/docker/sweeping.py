"""Containers that an earlier life of a node left, where its next life has another kind of sandbox."""

from __future__ import annotations

import logging

from services.runner.sandbox.docker import engine
from services.runner.sandbox.docker.containers import Containers

log = logging.getLogger("rgrid.runner")


async def sweep(node: str) -> None:
    """End and remove them. Raises nothing: an engine that is away is no reason not to begin, and is told of."""
    try:
        client = engine.connect(engine.socket_of())
        try:
            await Containers(client, node, None, "").sweep()
        finally:
            await engine.close(client)
    except (engine.NoEngine, *engine.FAILURES) as error:
        log.warning("containers of an earlier life of this node may still run: %s", error)
