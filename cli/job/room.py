"""Whether any node could ever hold what was asked for: said when it is submitted, for it would wait without end."""

from __future__ import annotations

from typing import Any

from ..errors import CliError
from ..terminal.formats import memory
from ..terminal.screen import warn
from ..wire.transport import Api

ASKED = ("cpu_millis", "memory_bytes")


def tell_room(api: Api, body: dict[str, Any]) -> None:
    """Warn when every node is too small for `body`. No request when it sets neither cpu nor memory."""
    asked = {name: int(body["limits"][name]) for name in ASKED if (body.get("limits") or {}).get(name)}
    if not asked:
        return
    try:
        nodes = [node for node in api.get("/nodes")["items"] if node.get("status") == "joined"]
    except CliError:
        return  # it is submitted; whoever waits for it is told why
    if problem := too_large(asked, nodes):
        warn(problem)
        warn(
            "It waits for a larger node. To ask for less: rgrid cancel @last, then run it with another --cpu or --memory"
        )


def too_large(asked: dict[str, int], nodes: list[dict[str, Any]]) -> str:
    """Why none of `nodes` could hold it when it is empty; nothing when one could, or while none has joined."""
    if not nodes or any(all(node[name] >= least for name, least in asked.items()) for node in nodes):
        return ""
    words = {"cpu_millis": lambda number: f"{number / 1000:g} cpu", "memory_bytes": memory}
    said = " and ".join(words[name](number) for name, number in asked.items())
    most = " and ".join(words[name](max(node[name] for node in nodes)) for name in asked)
    return f"No node has room for {said} at once; the largest have {most}."
