"""What can happen to a node, the machine (or part of one) that a runner works on."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NodeJoined:
    """A runner is there and takes work. `incarnation` is new with every start of it."""

    incarnation: str
    node_type: str
    cpu_millis: int
    memory_bytes: int
    sandbox: str
    runtimes: tuple[str, ...] = ()
    version: str = ""
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NodeLost:
    """Its lease ran out: nothing was heard of it for `silent_seconds`."""

    incarnation: str
    silent_seconds: float


@dataclass(frozen=True, slots=True)
class NodeLeft:
    """It said goodbye and holds no work."""

    incarnation: str


NodeEvent = NodeJoined | NodeLost | NodeLeft
