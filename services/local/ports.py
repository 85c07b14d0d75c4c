"""Free ports, chosen once and kept, so that what people bookmarked stays true after a restart."""

from __future__ import annotations

import socket

from services.local.home import Home, read_json, write_json

HOST = "127.0.0.1"


def keep_ports(home: Home, names: tuple[str, ...]) -> tuple[dict[str, int], list[str]]:
    """A free port for each of `names`, the one of last time when it is still free; and what changed, in words."""
    kept = read_json(home.ports) or {}
    ports: dict[str, int] = {}
    notes = []
    for name in names:
        before = kept.get(name)
        if isinstance(before, int) and is_free(before):
            ports[name] = before
            continue
        ports[name] = free_port()
        if before is not None:
            notes.append(f"Port {before} of the {name} is taken by another program: it moves to {ports[name]}.")
    write_json(home.ports, {**kept, **ports})
    return ports, notes


def is_free(port: int, host: str = HOST) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            return False
    return True


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
