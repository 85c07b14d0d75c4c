"""Why a person's own image cannot be used, and what to do about it."""

from __future__ import annotations

from aiodocker.exceptions import DockerError

from services.runner.sandbox.box import ImageRefused
from services.runner.sandbox.docker.engine import words

UNKNOWN = ("manifest unknown", "does not exist", "not found", "denied", "unauthorized", "invalid reference")
PULL = "On the node: docker pull {name}    or: docker load < image.tar"


def no_name(name: str) -> ImageRefused:
    message = f"{name[:100]!r} cannot be the name of an image."
    return ImageRefused(
        "IMAGE_NOT_FOUND", message, "Names look like python:3.12-slim or registry.example.org/team/image:1"
    )


def not_here(name: str) -> ImageRefused:
    message = f"The image {name} is not on the node, which may not fetch any (RGRID_DOCKER_PULL=never)."
    return ImageRefused("IMAGE_NOT_FOUND", message, PULL.format(name=name))


def not_pulled(name: str, error: BaseException) -> ImageRefused:
    """The registry does not have it, or there is no getting at the registry: that may be otherwise a moment later."""
    said = words(error)
    known = (isinstance(error, DockerError) and error.status < 500) or any(each in said for each in UNKNOWN)
    if known and "no such host" not in said:
        message = f"There is no image {name}, neither on the node nor in its registry ({said})."
        return ImageRefused("IMAGE_NOT_FOUND", message, f"Check its name; a private one: {PULL.format(name=name)}")
    message = f"The image {name} is not on the node, and its registry does not answer ({said})."
    return ImageRefused("IMAGE_UNREACHABLE", message, PULL.format(name=name))


def unreachable(name: str, error: BaseException) -> ImageRefused:
    message = f"The engine does not say whether it has the image {name} ({words(error)})."
    return ImageRefused("IMAGE_UNREACHABLE", message, "Look at the node with: rgrid doctor", final=False)


def unfit(name: str, detail: str) -> ImageRefused:
    return ImageRefused(
        "IMAGE_UNFIT", f"Nothing can be run in the image {name}: {detail}.", "It must be made for the node's machine."
    )
