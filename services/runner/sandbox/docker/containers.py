"""The sandbox of containers: one per run, made by the Docker engine of this machine from an image of its runtime."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from typing import Any

from aiodocker import Docker as Client
from aiodocker.containers import DockerContainer

from domain.execution.job import Limits
from services.runner.sandbox.box import BOX_UID, Spec, StartFailed
from services.runner.sandbox.cgroup import Groups
from services.runner.sandbox.docker import engine
from services.runner.sandbox.docker.container import NO_NETWORK, NODE_LABEL, Terms, config
from services.runner.sandbox.docker.desk import Desk, desks
from services.runner.sandbox.docker.entry import NoEntry
from services.runner.sandbox.docker.image import Image
from services.runner.sandbox.docker.nested import Nested, parent_of, remove_all
from services.runner.sandbox.docker.network import network
from services.runner.sandbox.docker.running import Contained
from services.runner.sandbox.spawn import close_all

CREATE_SECONDS = 120.0
"""An engine that takes longer than this for a container does not work."""


class Containers:
    """Starts containers of images that are known already; what is left of an earlier life is swept."""

    def __init__(self, client: Client, node: str, groups: Groups | None, runtime: str) -> None:
        self.client, self.node, self._groups = client, node, groups
        self._uid = BOX_UID if os.geteuid() == 0 else os.getuid()
        parent = parent_of(node) if groups is not None else ""
        self.terms = Terms(node, f"{self._uid}:{self._uid}", runtime, parent)
        self._removals: set[asyncio.Task[None]] = set()

    async def start(self, spec: Spec, image: Image) -> Contained:
        """Raises StartFailed; nothing is left then."""
        if os.geteuid() == 0:
            os.chown(spec.folder, self._uid, self._uid)
        with contextlib.ExitStack() as undo:
            try:
                desk = Desk(desks(self.node) / spec.name, self._uid, spec.env, spec.secrets)
                undo.callback(desk.remove)
                undo.callback(close_all, desk.stdout, desk.stderr)
                nested = self.group(spec.name, spec.limits)
                if nested is not None:
                    undo.callback(nested.remove)
                container = await self._begin(spec, image, desk)
            except NoEntry as error:
                raise StartFailed(str(error)) from error
            except engine.FAILURES as error:
                raise StartFailed(f"the container cannot be made: {engine.words(error)}") from error
            undo.pop_all()
        return Contained(container, desk, nested, self._remove)

    async def _begin(self, spec: Spec, image: Image, desk: Desk) -> DockerContainer:
        where = await network(self.client) if spec.network else NO_NETWORK
        return await self.begun(config(spec, image, desk, self.terms, where), spec.name)

    async def begun(self, wanted: dict[str, Any], name: str) -> DockerContainer:
        """A container that runs; of one that cannot be started nothing is left. Raises what engine.FAILURES names."""
        async with asyncio.timeout(CREATE_SECONDS):
            container = await self.client.containers.create(wanted, name=f"rgrid-{self.node}-{name}")
        try:
            async with asyncio.timeout(CREATE_SECONDS):
                await container.start()
        except BaseException:
            with contextlib.suppress(*engine.FAILURES):
                async with asyncio.timeout(CREATE_SECONDS):
                    await container.delete(force=True, v=True)
            raise
        return container

    def group(self, name: str, limits: Limits) -> Nested | None:
        """A control group above the container of that name, None where there are none. Raises OSError."""
        if self._groups is None:
            return None
        return Nested(self._groups.create(name, limits), self.node, name)

    def _remove(self, running: Contained) -> None:
        task = asyncio.create_task(running.remove())
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def sweep(self) -> int:
        """End and remove every container that an earlier life of this node left, and what lay in memory for it; how many."""
        found = await self.client.containers.list(all=True, filters={"label": [f"{NODE_LABEL}={self.node}"]})
        for container in found:
            with contextlib.suppress(*engine.FAILURES):
                await container.delete(force=True, v=True)
        remove_all(self.node)
        await asyncio.to_thread(shutil.rmtree, desks(self.node), True)
        return len(found)

    async def close(self) -> None:
        """After the last run: wait for what is being removed."""
        while self._removals:
            await asyncio.wait(self._removals)
        await engine.close(self.client)
        if self._groups is not None:
            remove_all(self.node)
        shutil.rmtree(desks(self.node), ignore_errors=True)
