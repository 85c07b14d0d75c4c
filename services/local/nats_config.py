"""Writes the configuration of the embedded nats-server: the template of `nats/` with this home's names and secrets."""

from __future__ import annotations

from pathlib import Path

from services.local.home import Home, write_private
from services.local.secrets_file import Secrets
from services.runtime.server_config import render


def write_nats_config(home: Home, known: Secrets, node_id: str, host: str, port: int) -> Path:
    """The path of the written file, mode 0600: it holds passwords."""
    path = home.nats / "server.conf"
    text = render(
        store_dir=home.nats / "data",
        pid_file=home.root / "run" / "nats.pid",
        control_password=known.nats_control,
        node_passwords={node_id: known.nats_node},
        host=host,
        port=port,
    )
    write_private(path, text)
    return path
