"""An image, as far as a run must know it: what is in it, by its own word, kept on disk by its digest."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from posixpath import normpath
from typing import Any

from services.runner.interpreters import MINOR_MIN, Interpreter
from services.runner.sandbox.box import StartFailed

VERSION = re.compile(r"\d+\.\d+\.\d+[\w.+-]*")
PROGRAM = re.compile(r"/[\w./+-]{1,200}")
OURS = ("/work", "/env", "/node_modules", "/tmp", "/run", "/dev", "/proc", "/sys")
"""Where every container has something of ours."""
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
ASK_PYTHON = (
    "import os, platform, sys; "
    "print('python', sys.implementation.name, platform.python_version(), os.path.realpath(sys.executable))"
)
QUESTIONS = f"""
for each in python3 python /usr/local/bin/python3 /usr/bin/python3; do
    "$each" -I -S -c "{ASK_PYTHON}" 2>/dev/null && break
done
node=$(command -v node) && echo "node v8 $(node --version) $node"
true
"""
"""For `sh -c` in the image."""


@dataclass(frozen=True, slots=True)
class Image:
    """`id` is its digest (sha256:…); `shell` and `python` are paths in it (empty: not there); `path` is its own PATH."""

    id: str
    shell: str = ""
    python: str = ""
    path: str = ""
    volumes: tuple[str, ...] = ()
    interpreters: tuple[Interpreter, ...] = ()

    @property
    def short(self) -> str:
        return short(self.id)


def short(digest: str) -> str:
    """Its first twelve hex digits, as targets carry them."""
    return digest.removeprefix("sha256:")[:12]


def unasked(shown: Mapping[str, Any]) -> Image:
    """What the engine knows of an image without running it. Raises StartFailed for a volume that no container can have."""
    config = shown.get("Config") or {}
    variables = dict(each.partition("=")[::2] for each in config.get("Env") or [])
    places = {_place(each) for each in config.get("Volumes") or {}}
    volumes = tuple(sorted(each for each in places if not f"{each}/".startswith(tuple(f"{own}/" for own in OURS))))
    return Image(str(shown["Id"]), path=variables.get("PATH", ""), volumes=volumes)


def _place(volume: str) -> str:
    """Where the volume lies, without detours."""
    place = normpath(f"/{volume.lstrip('/')}")
    if place == "/" or not volume.startswith("/"):
        raise StartFailed(f"it declares the volume {volume[:100]!r}")
    return place


def answered(image: Image, said: str, machine: str, shell: bool) -> Image:
    """With what the image said to QUESTIONS; it is believed only as far as it makes sense."""
    found: list[Interpreter] = []
    python = ""
    for line in said.splitlines():
        kind, flavour, version, program, *_ = (*line.split(), "", "", "", "")
        version = version.removeprefix("v")
        if not VERSION.fullmatch(version) or not PROGRAM.fullmatch(program):
            continue
        on = f"linux-{MACHINES.get(machine, machine)}-image-{image.short}"
        if kind == "python" and re.fullmatch(r"[a-z]{1,20}", flavour) and not python:
            python = program
            if _minor(version) >= (3, MINOR_MIN):
                found.append(Interpreter("python", version, program, f"{flavour}-{version}-{on}", image.id))
        elif kind == "node":
            found.append(Interpreter("node", version, program, f"node-{version.split('.')[0]}-{on}", image.id))
    if shell:
        found.append(Interpreter("sh", "", "/bin/sh", image=image.id))
    return Image(image.id, "/bin/sh" if shell else "", python, image.path, image.volumes, tuple(found))


def _minor(version: str) -> tuple[int, int]:
    major, minor, *_ = version.split(".")
    return int(major), int(minor)


class Kept:
    """What was learned of images, in files named by digest: an image is asked once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, digest: str) -> Image | None:
        try:
            doc = json.loads(self._path(digest).read_text())
            programs = tuple(Interpreter(**each) for each in doc.pop("interpreters"))
            return Image(**{**doc, "volumes": tuple(doc["volumes"]), "interpreters": programs})
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def put(self, image: Image) -> None:
        self._folder.mkdir(exist_ok=True)
        path = self._path(image.id)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(asdict(image)))
        beside.replace(path)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest.removeprefix('sha256:')}.json"
