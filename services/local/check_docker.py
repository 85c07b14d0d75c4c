"""What `doctor` asks of the Docker engine: does it answer, and has it the images that scripts run in."""

from __future__ import annotations

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from services.local.check import Check
from services.runtime.settings import Settings

SOCKET = "/var/run/docker.sock"
UNIX = "unix://"
ANSWER_SECONDS = 10.0
REPOSITORIES = ("rgrid/python", "rgrid/node")
INSTALL = "Install it, or start it: apt-get install docker.io     systemctl start docker"
MAKE = "Make them in the repository of rgrid: make images     or name others: RGRID_DOCKER_IMAGES"


class _Connection(http.client.HTTPConnection):
    """HTTP through a socket of this machine."""

    def __init__(self, path: str) -> None:
        super().__init__("engine", timeout=ANSWER_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER_SECONDS)
        self.sock.connect(self._path)


def containers(settings: Settings) -> Iterator[Check]:
    """One row, and none where nobody asks for containers and no engine is."""
    demanded = settings.sandbox == "docker"
    said = os.environ.get("DOCKER_HOST", "")
    path = said.removeprefix(UNIX) or SOCKET
    if not demanded and not Path(path).is_socket():
        return
    state = "fail" if demanded else "ok"
    try:
        version = str(_get(path, "/version")["Version"])
        missing = _missing(path, settings.docker_images)
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        note = "" if demanded else " · not used"
        yield Check(
            "docker", state, f"no engine answers at {said or path} ({error}){note}", INSTALL if demanded else ""
        )
        return
    if missing:
        yield Check("docker", state, f"{version} · {missing}", MAKE if demanded else "")
        return
    runtime = f" · runtime {settings.docker_runtime}" if settings.docker_runtime else ""
    yield Check("docker", "ok", f"{version} · images are there{runtime}")


def _missing(path: str, named: tuple[str, ...]) -> str:
    """What it lacks to run scripts, in words."""
    listed = _get(path, f"/images/json?filters={quote(json.dumps({'reference': list(named or REPOSITORIES)}))}")
    tags = {tag for each in listed for tag in each.get("RepoTags") or ()}
    if not named:
        return "" if tags else "no images for scripts to run in"
    absent = [name for name in named if name not in tags and f"{name}:latest" not in tags]
    return f"no image {', '.join(absent)}" if absent else ""


def _get(path: str, target: str) -> Any:
    connection = _Connection(path)
    try:
        connection.request("GET", target)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()
