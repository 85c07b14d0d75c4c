"""What can be asked of a node."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class JoinNode:
    incarnation: str
    node_type: str
    cpu_millis: int
    memory_bytes: int
    sandbox: str
    runtimes: tuple[str, ...] = ()
    version: str = ""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LoseNode:
    incarnation: str
    silent_seconds: float


@dataclass(frozen=True, slots=True)
class LeaveNode:
    incarnation: str


NodeCommand = JoinNode | LoseNode | LeaveNode
