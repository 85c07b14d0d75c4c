"""The sandbox of containers, as the runner uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.runner.interpreters import Interpreter
from services.runner.sandbox.box import ImageRefused, Spec, StartFailed
from services.runner.sandbox.cgroup import Groups
from services.runner.sandbox.containers_wanted import ContainersWanted
from services.runner.sandbox.docker import engine
from services.runner.sandbox.docker.containers import Containers
from services.runner.sandbox.docker.engine import NoEngine
from services.runner.sandbox.docker.image import Image
from services.runner.sandbox.docker.images import Images
from services.runner.sandbox.docker.network import why_open
from services.runner.sandbox.docker.running import Contained

MAKE = "make them: make images (in the repository of rgrid), or name others by RGRID_DOCKER_IMAGES"
CGROUPFS = "cgroupfs"


@dataclass(slots=True)
class Docker:
    """`open` makes one."""

    containers: Containers
    images: Images
    found: Sequence[Image]
    interpreters: tuple[Interpreter, ...]
    """One for each runtime and version."""
    security: str
    """What the engine says of its security options."""
    runtime: str
    kind: str = field(default="docker", init=False)
    home: str = field(default="/tmp", init=False)
    confined: bool = field(default=True, init=False)

    @property
    def warning(self) -> str:
        return why_open()

    async def start(self, spec: Spec) -> Contained:
        """`spec.image` is a digest or a name (empty: the image that has the program). Raises StartFailed."""
        return await self.containers.start(spec, await self._image(spec))

    async def interpreters_in(self, image: str) -> tuple[Interpreter, ...]:
        """What runs in a person's own image, which is fetched if need be. Raises ImageRefused."""
        return (await self.images.get(image)).interpreters

    def image(self, digest: str) -> Image | None:
        """One of those of the runtimes; None for any other."""
        return next((each for each in self.found if each.id == digest), None)

    async def close(self) -> None:
        await self.containers.close()

    async def _image(self, spec: Spec) -> Image:
        for image in self.found:
            if spec.image == image.id or (not spec.image and _has(image, spec.argv[0])):
                return image
        if spec.image:
            return await self.images.get(spec.image)
        raise StartFailed(f"no image has {spec.argv[0]}")


async def open_docker(wanted: ContainersWanted, folder: Path, groups: Groups | None) -> Docker:
    """Sweeps what an earlier life of the node left. Raises NoEngine with what to do."""
    client = engine.connect(engine.socket_of())
    try:
        said = await engine.facts(client)
        _check_runtime(wanted.runtime, said)
        ours = groups if said.get("CgroupDriver") == CGROUPFS else None
        containers = Containers(client, wanted.node, ours, wanted.runtime)
        await containers.sweep()
        images = Images(containers, folder, wanted.images, wanted.pulls)
        found = await _runtimes(images, wanted.images)
    except BaseException:
        await engine.close(client)
        raise
    security = " ".join(str(each) for each in said.get("SecurityOptions") or [])
    return Docker(containers, images, found, _distinct(found), security, wanted.runtime)


async def _runtimes(images: Images, named: tuple[str, ...]) -> tuple[Image, ...]:
    try:
        found = await images.of_runtimes()
    except (*engine.FAILURES, StartFailed, ImageRefused) as error:
        name = f" ({', '.join(named)})" if named else ""
        raise NoEngine(f"the images of the runtimes{name} cannot be used: {engine.words(error)}; {MAKE}") from error
    if not any(each.runtime == "python" for image in found for each in image.interpreters):
        raise NoEngine(f"there is no image with Python for scripts to run in; {MAKE}")
    return found


def _distinct(images: Sequence[Image]) -> tuple[Interpreter, ...]:
    found: dict[tuple[str, str], Interpreter] = {}
    for image in images:
        for each in image.interpreters:
            found.setdefault((each.runtime, each.minor), each)
    return tuple(found.values())


def _check_runtime(runtime: str, said: dict[str, Any]) -> None:
    known = said.get("Runtimes") or {}
    if runtime and runtime not in known:
        raise NoEngine(f"the Docker engine has no runtime {runtime} (RGRID_DOCKER_RUNTIME); it has: {', '.join(known)}")


def _has(image: Image, program: str) -> bool:
    return any(each.program == program for each in image.interpreters)
