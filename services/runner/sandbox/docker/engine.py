"""The Docker engine of this machine: where it answers, and why it is of no use if it is not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiodocker import Docker as Client
from aiodocker.exceptions import DockerError

UNIX = "unix://"
SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")
START = "start it (systemctl start docker) or install it (apt-get install docker.io)"
ANSWER_SECONDS = 30.0
FAILURES = (DockerError, aiohttp.ClientError, OSError, TimeoutError)
"""What a call to the engine raises when it refuses, or is away."""
NOT_FOUND, CONFLICT = 404, 409


class NoEngine(Exception):
    """No engine that can be used here; the message says why and what to do."""


def socket_of(environ: Mapping[str, str] = os.environ) -> str:
    """The path of the engine's socket. Raises NoEngine: files and pipes are shared with it, so it must be on this machine."""
    said = environ.get("DOCKER_HOST", "")
    if said and not said.startswith(UNIX):
        raise NoEngine(
            f"the engine must be on this machine, but DOCKER_HOST is {said}; set it to unix://PATH, or unset it"
        )
    for path in [said.removeprefix(UNIX)] if said else SOCKETS:
        if Path(path).is_socket():
            if not os.access(path, os.W_OK):
                raise NoEngine(f"{path} may not be used by this user; add it to the group: usermod -aG docker USER")
            return path
    raise NoEngine(f"no Docker engine answers at {said or SOCKETS[0]}; {START}")


def connect(socket: str) -> Client:
    """A client that waits for any number of containers at once; `close` it with its connector."""
    return Client("http://engine", connector=aiohttp.UnixConnector(socket, limit=0))


async def close(client: Client) -> None:
    await client.close()
    await client.session.close()
    await client.connector.close()


async def facts(client: Client) -> dict[str, Any]:
    """What the engine says of itself. Raises NoEngine for one whose containers would not be what they are said to be."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            answer: Any = await client.system.info()
    except FAILURES as error:
        raise NoEngine(f"the Docker engine does not answer ({words(error)}); {START}") from error
    said: dict[str, Any] = dict(answer)
    security = " ".join(str(each) for each in said.get("SecurityOptions") or [])
    if "name=rootless" in security or "name=userns" in security:
        raise NoEngine(
            "the Docker engine maps users (rootless or userns-remap), which runs cannot use; use another engine"
        )
    if "name=seccomp" not in security:
        raise NoEngine("the Docker engine has no seccomp; use one that has")
    if said.get("OSType") != "linux" or not said.get("MemoryLimit") or not said.get("PidsLimit", True):
        raise NoEngine(
            "the Docker engine cannot keep the limits of a run; use one on Linux with memory and pids groups"
        )
    return said


def words(error: BaseException) -> str:
    """What the engine said, on one line."""
    said = error.message if isinstance(error, DockerError) else str(error) or type(error).__name__
    return " ".join(str(said).split())[:300]
