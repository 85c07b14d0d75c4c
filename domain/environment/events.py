"""What can happen to an environment: the packages of one lock, made for one interpreter on one platform.

The packages themselves are a folder on each node that has it and, packed, a blob in the artifact store.
"""

from __future__ import annotations

from dataclasses import dataclass

from domain.files import FileRef


@dataclass(frozen=True, slots=True)
class Recipe:
    """What it is made of; equal recipes are one environment. `lock` is the SHA-256 of the lock, `target` says what it is
    made for: interpreter, platform and image (`cpython-3.11.7-linux-x86_64`)."""

    kind: str
    lock: str
    target: str
    builds: bool = False


@dataclass(frozen=True, slots=True)
class EnvironmentBuilt:
    """A node has made it anew. `archive` is the blob that other nodes fetch it from, None when it could not be stored."""

    recipe: Recipe
    node_id: str
    packages: int
    size_bytes: int
    build_ms: int
    archive: FileRef | None = None


@dataclass(frozen=True, slots=True)
class EnvironmentFetched:
    """A node has it out of the artifact store."""

    node_id: str
    size_bytes: int
    fetch_ms: int


@dataclass(frozen=True, slots=True)
class EnvironmentDropped:
    """A node has it no longer. `reason`: `budget` (its disk), `pruned`, `invalidated`, `damaged` (it was not whole)."""

    node_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class EnvironmentInvalidated:
    """Nobody uses what was made until now; the next run makes it anew. `pruned`: only to spare room."""

    requested_by: str = ""
    pruned: bool = False


EnvironmentEvent = EnvironmentBuilt | EnvironmentFetched | EnvironmentDropped | EnvironmentInvalidated
