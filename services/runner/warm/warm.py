"""The sandbox that forks scripts from zygotes, and starts cold what they cannot serve."""

from __future__ import annotations

import base64
import json
import logging
import os
from pathlib import Path

from services.runner.interpreters import Interpreter
from services.runner.sandbox.box import BOX_UID, Running, Sandbox, Spec
from services.runner.sandbox.boxed import remove_soon
from services.runner.sandbox.bubblewrap import Bubblewrap, output
from services.runner.sandbox.cgroup import Group, Groups, empty
from services.runner.sandbox.rlimits import rlimits
from services.runner.sandbox.spawn import close_all
from services.runner.warm.bwrap_hatchery import BwrapHatchery
from services.runner.warm.key import beside, key_of
from services.runner.warm.nest import Nest
from services.runner.warm.running import Forked
from services.runner.warm.zygote import Hatchery, NotBorn, Zygote

log = logging.getLogger("rgrid.runner")


class Warm:
    """`cold` makes the boxes of whatever cannot be forked."""

    def __init__(self, cold: Sandbox, hatchery: Hatchery, groups: Groups | None) -> None:
        self.kind, self.home, self.confined = cold.kind, cold.home, cold.confined
        self.interpreters: tuple[Interpreter, ...] = cold.interpreters
        self._cold, self._groups = cold, groups
        self.nest = Nest(hatchery)

    async def start(self, spec: Spec) -> Running:
        key = key_of(spec, self.interpreters)
        if key is None or spec.warm is None:
            return await self._cold.start(spec)
        zygote = self.nest.find(key, spec.warm.imports)
        if zygote is None or not zygote.serves(set(spec.env), beside(spec)):
            return await self._cold.start(spec)
        try:
            return await self._forked(zygote, spec)
        except NotBorn as error:
            self.nest.failed(key, zygote, str(error))
        return await self._cold.start(spec)

    async def close(self) -> None:
        """End every zygote, and what runs in it."""
        await self.nest.close()

    async def _forked(self, zygote: Zygote, spec: Spec) -> Forked:
        """Raises NotBorn."""
        held: list[int] = []
        group: Group | None = None
        out, err = -1, -1
        try:
            if os.geteuid() == 0:
                os.chown(spec.folder, BOX_UID, BOX_UID)
            group = self._groups.create(spec.name, spec.limits) if self._groups else None
            out, out_writing = output()
            err, err_writing = output()
            held += [out_writing, err_writing, await zygote.process.mount(spec.folder)]
            held += group.doors() if group is not None else []
            order = _order(spec, group is not None)
            held.append(order)
            init, line = await zygote.fork(order, held[:-1])
        except BaseException as error:
            close_all(out, err)
            if group is not None:
                await empty(group)
                remove_soon(group)
            if isinstance(error, OSError):
                raise NotBorn(str(error)) from error
            raise
        finally:
            close_all(*held)
        running = Forked(init, line, group, (out, err), zygote)
        try:
            await running.begin()
        except BaseException as error:
            try:
                await running.kill(0)
            finally:
                close_all(out, err)
                running.close()
            if isinstance(error, OSError):
                raise NotBorn(str(error)) from error
            raise
        return running


def warmed(sandbox: Sandbox, folders: Path, groups: Groups | None) -> Sandbox:
    """With zygotes before it, where they can be had. `folders` holds those of all attempts."""
    if isinstance(sandbox, Bubblewrap):
        return Warm(sandbox, BwrapHatchery(sandbox, folders, groups), groups)
    if sandbox.kind == "docker":
        from services.runner.warm.docker_hatchery import warm_containers

        return warm_containers(sandbox, groups)  # type: ignore[arg-type]
    return sandbox


def _order(spec: Spec, grouped: bool) -> int:
    """A descriptor from which the fork, and nobody else, reads what it is to run."""
    env = {**spec.base_env, "PWD": "/work", **spec.env}
    order = {"argv": spec.argv, "env": env, "rlimits": rlimits(spec.limits, grouped), "network": spec.network}
    order |= {"memory_bytes": spec.limits.memory_bytes, "uid": BOX_UID}
    order |= {"secrets": {name: base64.b64encode(content).decode() for name, content in spec.secrets.items()}}
    fd = os.memfd_create("order")
    data = memoryview(json.dumps(order).encode("utf-8", "surrogateescape"))
    while data:
        data = data[os.write(fd, data) :]
    return fd
