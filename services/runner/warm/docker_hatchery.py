"""Zygotes in containers, one per environment and account: see inside/contained.py for what makes them unprivileged."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import shutil
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aiodocker.containers import DockerContainer

from services.runner.interpreters import Interpreter
from services.runner.sandbox.box import Running, Spec, StartFailed
from services.runner.sandbox.cgroup import Groups
from services.runner.sandbox.docker import engine
from services.runner.sandbox.docker.container import HOSTNAME, NO_NETWORK, variables
from services.runner.sandbox.docker.desk import desks
from services.runner.sandbox.docker.nested import Nested
from services.runner.sandbox.docker.network import network
from services.runner.sandbox.docker.resident import LIMITS, Resident, config
from services.runner.sandbox.docker.sandbox import Docker
from services.runner.warm.bwrap_hatchery import ZYGOTE_UID
from services.runner.warm.docker_line import CONTROL, introduced, listening, peer
from services.runner.warm.inside import calls
from services.runner.warm.inside.contained import FOLDER
from services.runner.warm.key import Key
from services.runner.warm.program import INSIDE, settings_of
from services.runner.warm.warm import Warm


class Contained:
    """A zygote in a container of its own."""

    below = 2
    """Process 1 of the zygote's own namespace, the zygote."""

    def __init__(self, container: DockerContainer, control: socket.socket, folder: Path, nested: Nested | None) -> None:
        self._container, self.control, self._folder, self._nested = container, control, folder, nested

    @property
    def pid(self) -> int:
        """Of who called when the container began."""
        return peer(self.control) if self.alive() else 0

    async def mount(self, folder: Path) -> int:
        return calls.detached(str(folder))

    def alive(self) -> bool:
        """Its end of the line is open: that ends first."""
        if self.control.fileno() < 0:
            return False
        poll = select.poll()
        poll.register(self.control.fileno(), 0)
        return not poll.poll(0)

    async def end(self) -> None:
        self.control.close()
        with contextlib.suppress(*engine.FAILURES):
            await self._container.delete(force=True, v=True)
        await asyncio.to_thread(shutil.rmtree, self._folder, True)
        for attempt in range(8):
            if self._nested is None or self._nested.remove():
                return
            self._nested.kill()
            await asyncio.sleep(0.01 * 2**attempt)


class DockerHatchery:
    """`cold` knows the images and the engine."""

    def __init__(self, cold: Docker) -> None:
        self._cold = cold
        self._count = 0

    async def hatch(self, key: Key, imports: Sequence[str]) -> Contained:
        containers, image = self._cold.containers, self._cold.image(key.image)
        if image is None or not image.python:
            raise StartFailed("zygotes live in the images of runtimes only")
        self._count += 1
        name = f"zygote-{os.getpid()}-{self._count}"
        folder = desks(containers.node) / name
        async with contextlib.AsyncExitStack() as undo:
            undo.callback(shutil.rmtree, folder, True)
            listener = undo.enter_context(listening(folder))
            nested = containers.group(name, LIMITS)
            if nested is not None:
                undo.callback(nested.remove)
            where = await network(containers.client) if key.network else NO_NETWORK
            argv = [image.python, "-I", "-S", f"{FOLDER}/services/runner/warm/inside/contained.py", key.program]
            who = Resident(name, argv, ZYGOTE_UID, folder, dict(key.variables), _parts(), key.environment, where)
            container = await containers.begun(config(who, image, containers.terms, self._cold.security), name)
            undo.push_async_callback(container.delete, force=True, v=True)
            control = await introduced(listener, settings_of(imports, nested=False))
            undo.pop_all()
        listener.close()
        (folder / CONTROL).unlink()
        return Contained(container, control, folder, nested)


class WarmContainers(Warm):
    """Also runs what only a container of its own can: people's own images."""

    def __init__(self, cold: Docker, groups: Groups | None) -> None:
        super().__init__(cold, DockerHatchery(cold), groups)
        self._containers = cold

    async def start(self, spec: Spec) -> Running:
        image = self._containers.image(spec.image)
        if image is not None:
            spec = replace(spec, base_env={**variables(spec.base_env, image), "HOSTNAME": HOSTNAME})
        return await super().start(spec)

    async def interpreters_in(self, image: str) -> tuple[Interpreter, ...]:
        return await self._containers.interpreters_in(image)


def warm_containers(cold: Docker, groups: Groups | None) -> Warm | Docker:
    """With zygotes before it where this process may say who is who in their namespaces, and the kernel is the machine's."""
    if os.geteuid() != 0 or cold.runtime:
        return cold
    return WarmContainers(cold, groups)


def _parts() -> dict[str, Path]:
    """What runs in a zygote's container, and in no script's box: it lies in a /tmp that scripts do not see."""
    seccomp = INSIDE.parent.parent / "sandbox" / "seccomp_install.py"
    return {
        f"{FOLDER}/services/runner/warm/inside": INSIDE,
        f"{FOLDER}/sitecustomize.py": INSIDE / "sitecustomize.py",
        f"{FOLDER}/services/runner/sandbox/seccomp_install.py": seccomp,
    }
