"""Which program runs a job, and why an image is refused."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from domain.execution.job import Environment, Job
from domain.files import FileRef
from services.runner.interpreters import Interpreter
from services.runner.picking import picked
from services.runner.sandbox.box import ImageRefused
from services.runner.sandbox.instant import Instant

FILE = FileRef("script.py", "a" * 64, 1)
JOB = Job("python", FILE)
OURS = Interpreter(
    "python", "3.11.2", "/usr/bin/python3.11", "cpython-3.11.2-linux-x86_64-image-aaaaaaaaaaaa", "sha256:a"
)
THEIRS = Interpreter("python", "3.12.1", "/opt/python", "cpython-3.12.1-linux-x86_64-image-bbbbbbbbbbbb", "sha256:b")
PACKAGES = Environment("python", replace(FILE, path="requirements.lock"))


@dataclass
class Images:
    """A sandbox that knows what is in each image."""

    inside: dict[str, tuple[Interpreter, ...]]
    interpreters: tuple[Interpreter, ...] = (OURS,)
    kind: str = "docker"
    home: str = "/tmp"
    confined: bool = True
    asked: list[str] = field(default_factory=list)

    async def start(self, spec: Any) -> Any:
        raise NotImplementedError

    async def interpreters_in(self, image: str) -> tuple[Interpreter, ...]:
        self.asked.append(image)
        return self.inside[image]


async def test_without_an_image_it_is_the_nodes_own() -> None:
    sandbox = Images({})
    assert await picked(sandbox, JOB) == OURS
    assert sandbox.asked == []
    with pytest.raises(LookupError):
        await picked(sandbox, replace(JOB, interpreter="3.13"))


async def test_an_image_brings_its_own() -> None:
    assert await picked(Images({"own": (THEIRS,)}), replace(JOB, image="own")) == THEIRS


async def test_an_image_without_the_interpreter_is_refused() -> None:
    with pytest.raises(
        ImageRefused, match=r"The image own has no python3\.13; it has: python, python3\.12\."
    ) as refused:
        await picked(Images({"own": (THEIRS,)}), replace(JOB, image="own", interpreter="3.13"))
    assert (refused.value.code, refused.value.final) == ("IMAGE_UNFIT", True)
    with pytest.raises(ImageRefused, match="nothing that runs scripts"):
        await picked(Images({"own": ()}), replace(JOB, image="own"))


async def test_packages_go_into_the_nodes_own_images_only() -> None:
    sandbox = Images({"own": (THEIRS,), "ours": (OURS,)})
    assert await picked(sandbox, replace(JOB, image="ours", environment=PACKAGES)) == OURS
    with pytest.raises(ImageRefused, match="own is another one"):
        await picked(sandbox, replace(JOB, image="own", environment=PACKAGES))


async def test_a_node_without_containers_has_no_images() -> None:
    with pytest.raises(ImageRefused, match="runs no containers") as refused:
        await picked(Instant(), replace(JOB, image="own"))
    assert not refused.value.final
