"""What a node offers: the same words in the runner's fact, in the command and in the event."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Offer:
    """Cpu in thousandths of a core, memory in bytes; `node_type` names its price."""

    node_type: str
    cpu_millis: int
    memory_bytes: int
    sandbox: str
    runtimes: tuple[str, ...] = ()
    version: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    targets: tuple[str, ...] = ()
    """What environments are built for here, by interpreter: `cpython-3.11.7-linux-x86_64`."""
