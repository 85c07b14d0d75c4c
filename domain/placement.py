"""Which node an execution goes to, or the named reason why it waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.execution.events import Reason
from domain.execution.job import Job

LESS = "It waits for a larger node. To ask for less: rgrid cancel ID, then run it with another --cpu or --memory"
SEE = "It starts when one of them ends: rgrid ps --status running"
CONTAINERS = "docker"
"""The sandbox that runs people's own images."""


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
    sandbox: str = ""


def place(job: Job, nodes: Sequence[NodeRoom]) -> NodeRoom | Reason:
    """The fitting node with the least room left after it (best fit), or why there is none now.

    Reasons, first that holds: NO_NODES, NO_RUNTIME, NO_CONTAINERS, TOO_LARGE, WAITING_FOR_CPU, WAITING_FOR_MEMORY.
    """
    cpu, memory = job.limits.cpu_millis, job.limits.memory_bytes
    if not nodes:
        return Reason("NO_NODES", "No node has joined the grid.", "See what runs with: rgrid doctor")
    able = [node for node in nodes if _runs(node, job)]
    if not able:
        return _no_runtime(job, nodes)
    large = [node for node in able if _is_large_enough(node, job)]
    if not large:
        most_cpu = max(node.cpu_millis for node in able) / 1000
        most_gib = _gib(max(node.memory_bytes for node in able))
        message = f"It asks for {cpu / 1000:g} cpu and {_gib(memory)}; the largest nodes have {most_cpu:g} cpu"
        return Reason(
            "TOO_LARGE",
            f"{message}, {most_gib}.",
            LESS,
        )
    with_cpu = [node for node in large if node.cpu_free_millis >= cpu]
    if not with_cpu:
        return Reason("WAITING_FOR_CPU", "Every cpu that it could have is taken by other executions.", SEE)
    with_room = [node for node in with_cpu if node.memory_free_bytes >= memory]
    if not with_room:
        return Reason("WAITING_FOR_MEMORY", "The memory that it asks for is taken by other executions.", SEE)
    return min(with_room, key=lambda node: (node.cpu_free_millis, node.memory_free_bytes, node.node_id))


def awaited(job: Job, nodes: Sequence[NodeRoom]) -> NodeRoom | None:
    """Of the nodes that could hold it if they were empty, the one with the most room; None when none could."""
    could = [node for node in nodes if _runs(node, job) and _is_large_enough(node, job)]
    return max(could, key=lambda node: (node.cpu_free_millis, node.memory_free_bytes, node.node_id), default=None)


def _runs(node: NodeRoom, job: Job) -> bool:
    return job.needs in node.runtimes and (not job.image or node.sandbox == CONTAINERS)


def _no_runtime(job: Job, nodes: Sequence[NodeRoom]) -> Reason:
    if job.image and any(job.needs in node.runtimes for node in nodes):
        message = f"It wants to run in the image {job.image}, and no node runs containers."
        return Reason("NO_CONTAINERS", message, "Start a runner with RGRID_SANDBOX=docker where a Docker engine runs.")
    message = f"No node has the runtime {job.needs}."
    return Reason("NO_RUNTIME", message, f"Install {job.needs} on the node's machine and start its runner again.")


def _is_large_enough(node: NodeRoom, job: Job) -> bool:
    return node.cpu_millis >= job.limits.cpu_millis and node.memory_bytes >= job.limits.memory_bytes


def _gib(size_bytes: int) -> str:
    return f"{round(size_bytes / 1024**3, 2):,g} GiB" if size_bytes < 1024**5 else f"{size_bytes / 1024**3:,.0f} GiB"
