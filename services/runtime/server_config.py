"""The configuration of nats-server, rendered from nats/server.conf: one user for the control plane, one per node."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template

from services.runtime import subjects
from services.runtime.nats_folder import nats_folder


def render(
    *,
    store_dir: Path,
    pid_file: Path,
    control_password: str,
    node_passwords: Mapping[str, str],
    host: str = "127.0.0.1",
    port: int = -1,
    server_name: str = "rgrid",
) -> str:
    """The text of the configuration file. `node_passwords` by node id; the user of a node is its id. Port -1: a free one."""
    template = Template((nats_folder() / "server.conf").read_text())
    return template.substitute(
        server_name=json.dumps(server_name),
        host=host,
        port=port,
        store_dir=json.dumps(str(store_dir)),
        pid_file=json.dumps(str(pid_file)),
        control_password=json.dumps(control_password),
        node_users="\n".join(_node_user(node_id, password) for node_id, password in node_passwords.items()),
    )


def node_permissions(node_id: str) -> tuple[list[str], list[str]]:
    """What a node may publish and what it may listen on: its own work, its own words, nothing else."""
    node, consumer = subjects.token(node_id), subjects.runner_consumer(node_id)
    publish = [
        f"rgrid.report.{node}.>",
        f"rgrid.log.{node}.>",
        subjects.lease(node),
        f"rgrid.ask.{node}.>",
        f"$JS.API.CONSUMER.MSG.NEXT.{subjects.WORK}.{consumer}",
        f"$JS.ACK.{subjects.WORK}.{consumer}.>",
        f"$JS.ACK.*.*.{subjects.WORK}.{consumer}.>",
    ]
    return publish, [f"{subjects.inbox_prefix(node)}.>"]


def _node_user(node_id: str, password: str) -> str:
    publish, listen = node_permissions(node_id)
    user = {
        "user": node_id,
        "password": password,
        "permissions": {"publish": {"allow": publish}, "subscribe": {"allow": listen}},
    }
    return "    " + json.dumps(user)
