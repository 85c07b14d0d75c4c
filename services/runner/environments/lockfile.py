"""A lock as a tool on this node gets to read it. What it may say at all is decided in domain.environment.lock."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from domain.environment.lock import packages_of
from domain.errors import Invalid
from services.runner.environments.failures import Unbuildable, scrubbed

AGAIN = "Lock the packages anew: run the script again from its folder."
ROOT_KEPT = ("dependencies", "optionalDependencies")
"""Of the script's own entry: what is checked and is installed. `overrides` would lead npm anywhere."""


@dataclass(frozen=True, slots=True)
class Pins:
    """A Python lock; some of its packages may be for other machines."""

    text: str
    packages: int


@dataclass(frozen=True, slots=True)
class NodeLock:
    """A package-lock.json as npm may read it, and the package.json that belongs to it."""

    lock: bytes
    package: bytes
    packages: int


Lock = Pins | NodeLock


def read_lock(kind: str, lock: bytes) -> Lock:
    """Raises Unbuildable. It takes part of a second for a large one: run it in a thread."""
    if kind not in ("python", "node"):
        raise Unbuildable(f"{kind!r} is no kind of environment", "It is python or node.")
    try:
        packages = len(packages_of(kind, lock))
    except Invalid as error:
        raise Unbuildable(scrubbed(error.message, "a link").rstrip("."), AGAIN) from error
    return _node_lock(lock, packages) if kind == "node" else Pins(lock.decode(), packages)


def _node_lock(lock: bytes, packages: int) -> NodeLock:
    """Without what makes npm look elsewhere: where a package was found then is left out, the node's settings say where."""
    entries: dict[str, dict[str, Any]] = json.loads(lock)["packages"]
    for entry in entries.values():
        entry.pop("resolved", None)
    root = {key: value for key, value in entries.get("", {}).items() if key in ROOT_KEPT}
    package = {"name": "script", "version": "0.0.0", "private": True, **root}
    plain = {"name": "script", "version": "0.0.0", "lockfileVersion": 3, "requires": True}
    return NodeLock(
        json.dumps({**plain, "packages": {**entries, "": package}}).encode(), json.dumps(package).encode(), packages
    )
