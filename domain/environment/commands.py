"""What can be asked of an environment."""

from __future__ import annotations

from dataclasses import dataclass

from domain.environment.events import Recipe
from domain.files import FileRef


@dataclass(frozen=True, slots=True)
class RecordBuild:
    """The word of a runner that it has made one."""

    recipe: Recipe
    node_id: str
    packages: int
    size_bytes: int
    build_ms: int
    archive: FileRef | None = None


@dataclass(frozen=True, slots=True)
class RecordFetch:
    node_id: str
    size_bytes: int
    fetch_ms: int


@dataclass(frozen=True, slots=True)
class RecordDrop:
    node_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class InvalidateEnvironment:
    """Throw it away on every node and in the store."""

    requested_by: str = ""
    pruned: bool = False


EnvironmentCommand = RecordBuild | RecordFetch | RecordDrop | InvalidateEnvironment
