"""Which node an execution goes to, or the named reason why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.execution.events import Reason
from domain.execution.job import Job


@dataclass(frozen=True, slots=True)
class NodeRoom:
    """A node as placement sees it: what it has and what of that is free (thousandths of a core, bytes)."""

    node_id: str
    incarnation: str
    node_type: str
    runtimes: tuple[str, ...]
    cpu_millis: int
    memory_bytes: int
    cpu_free_millis: int
    memory_free_bytes: int


def place(job: Job, nodes: Sequence[NodeRoom]) -> NodeRoom | Reason:
    """The fitting node with the least room left after it (best fit), or why there is none now.

    Reasons, first that holds: NO_NODES, NO_RUNTIME, TOO_LARGE, WAITING_FOR_CPU, WAITING_FOR_MEMORY.
    """
    cpu, memory = job.limits.cpu_millis, job.limits.memory_bytes
    if not nodes:
        return Reason("NO_NODES", "No node has joined the grid.", "See what runs with: rgrid doctor")
    able = [node for node in nodes if job.runtime in node.runtimes]
    if not able:
        message = f"No node has the runtime {job.runtime}."
        return Reason("NO_RUNTIME", message, f"Install {job.runtime} on the node's machine and start its runner again.")
    large = [node for node in able if node.cpu_millis >= cpu and node.memory_bytes >= memory]
    if not large:
        most_cpu = max(node.cpu_millis for node in able) / 1000
        most_gib = max(node.memory_bytes for node in able) / 1024**3
        message = (
            f"It asks for {cpu / 1000:g} cpu and {memory / 1024**3:.2g} GiB; the largest nodes have {most_cpu:g} cpu"
        )
        return Reason("TOO_LARGE", f"{message}, {most_gib:.2g} GiB.", "Cancel it and ask for less: --cpu, --memory")
    with_cpu = [node for node in large if node.cpu_free_millis >= cpu]
    if not with_cpu:
        return Reason("WAITING_FOR_CPU", "Every cpu that it could have is taken by other executions.")
    with_room = [node for node in with_cpu if node.memory_free_bytes >= memory]
    if not with_room:
        return Reason("WAITING_FOR_MEMORY", "The memory that it asks for is taken by other executions.")
    return min(with_room, key=lambda node: (node.cpu_free_millis, node.memory_free_bytes, node.node_id))
