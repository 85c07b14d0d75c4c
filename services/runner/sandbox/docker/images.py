"""The images of a node: which there are, what is in them, and how a person's own one gets here."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from pathlib import Path

from aiodocker import Docker as Client
from aiodocker.exceptions import DockerError

from domain.execution.job import Limits
from services.runner.sandbox.box import Spec, StartFailed
from services.runner.sandbox.docker import refused
from services.runner.sandbox.docker.containers import Containers
from services.runner.sandbox.docker.engine import FAILURES, NOT_FOUND
from services.runner.sandbox.docker.image import ASK_PYTHON, QUESTIONS, Image, Kept, answered, unasked
from services.runner.sandbox.docker.names import REFERENCE, by_version, with_tag
from services.runner.sandbox.spawn import close_all

REPOSITORIES = ("rgrid/python", "rgrid/node")
"""Every local image of these is one that scripts run in, unless RGRID_DOCKER_IMAGES names others."""
ASK_LIMITS = Limits(cpu_millis=1000, memory_bytes=512 * 1024**2, timeout_seconds=30, disk_bytes=1024**2)
ANSWER_BYTES_MAX = 64 * 1024
PULL_SECONDS = 30 * 60.0


class Images:
    """`wanted`: names of the images of runtimes (empty: those of REPOSITORIES). `pulls`: a missing image may be fetched."""

    def __init__(self, containers: Containers, folder: Path, wanted: tuple[str, ...], pulls: bool) -> None:
        self._containers, self._folder = containers, folder
        self._wanted, self._pulls = wanted, pulls
        self._kept = Kept(folder / "images")
        self._asking: dict[str, asyncio.Task[Image]] = {}

    @property
    def _client(self) -> Client:
        return self._containers.client

    async def of_runtimes(self) -> tuple[Image, ...]:
        """Those that scripts without an image run in. Raises StartFailed when one cannot be asked, DockerError."""
        names = self._wanted or await self._local()
        found: dict[str, Image] = {}
        for name in names:
            image = unasked(await self._client.images.inspect(name))
            if image.id not in found:
                found[image.id] = await self._known(image, "")
        return tuple(found.values())

    async def get(self, name: str) -> Image:
        """A person's own image, fetched if need be and allowed. Raises ImageRefused."""
        if not REFERENCE.fullmatch(name) or ".." in name:
            raise refused.no_name(name)
        try:
            shown = await self._shown(name)
        except FAILURES as error:
            raise refused.unreachable(name, error) from error
        machine = str(shown.get("Architecture", ""))
        try:
            return await self._known(unasked(shown), machine)
        except StartFailed as error:
            raise refused.unfit(name, str(error)) from error

    async def _shown(self, name: str) -> dict[str, object]:
        try:
            return await self._client.images.inspect(name)
        except DockerError as error:
            if error.status != NOT_FOUND:
                raise
        if not self._pulls:
            raise refused.not_here(name)
        try:
            async with asyncio.timeout(PULL_SECONDS):
                await self._client.images.pull(with_tag(name))
        except FAILURES as error:
            raise refused.not_pulled(name, error) from error
        return await self._client.images.inspect(name)

    async def _local(self) -> list[str]:
        """Newest version first."""
        found = await self._client.images.list(filters={"reference": list(REPOSITORIES)})
        names = [tag for each in found for tag in each.get("RepoTags") or ()]
        return sorted(names, key=by_version)

    async def _known(self, image: Image, machine: str) -> Image:
        """With what is in it: looked up by its digest, or asked, once however many want to know."""
        kept = self._kept.get(image.id)
        if kept is not None:
            return kept
        if image.id not in self._asking:
            self._asking[image.id] = asyncio.create_task(self._ask(image))
        try:
            return await asyncio.shield(self._asking[image.id])
        finally:
            if self._asking.get(image.id) is not None and self._asking[image.id].done():
                del self._asking[image.id]

    async def _ask(self, image: Image) -> Image:
        machine = os.uname().machine
        try:
            said = await self._said(image, "/bin/sh", "", ("/bin/sh", "-c", QUESTIONS))
            found = answered(image, said, machine, shell=True)
        except StartFailed:
            said = await self._said(image, "", "python3", ("python3", "-I", "-S", "-c", ASK_PYTHON))
            found = answered(image, said, machine, shell=False)
        await asyncio.to_thread(self._kept.put, found)
        return found

    async def _said(self, image: Image, shell: str, python: str, argv: tuple[str, ...]) -> str:
        """What a command says in the image, which is nobody's yet: without network, in a container like every other."""
        name = f"ask-{image.short}-{secrets.token_hex(4)}"
        work = self._folder / name
        work.mkdir()
        try:
            asked = Image(image.id, shell, python, image.path, image.volumes)
            running = await self._containers.start(Spec(name, argv, work, work, ASK_LIMITS), asked)
            try:
                async with asyncio.timeout(ASK_LIMITS.timeout_seconds):
                    end = await running.wait()
            finally:
                await running.kill(0)
                said = _read(running.stdout)
                close_all(running.stdout, running.stderr)
                running.close()
        except TimeoutError as error:
            raise StartFailed("the image did not answer what is in it") from error
        finally:
            await asyncio.to_thread(shutil.rmtree, work, True)
        if not end.started or (end.code != 0 and not said):
            raise StartFailed(f"the image could not say what is in it (exit code {end.code})")
        return said


def _read(fd: int) -> str:
    try:
        return os.read(fd, ANSWER_BYTES_MAX).decode(errors="replace")
    except OSError:
        return ""
