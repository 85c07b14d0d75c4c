"""The configuration of nats-server, rendered from nats/server.conf: an account for the grid, and one for every node.

A server does not check where a publisher wants its answers: JetStream acknowledges a report wherever the reporter says,
even into the log. Between accounts an answer returns to the account that asked, so a node can say nothing but its words.
"""

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
        node_exports="\n".join(export for node_id in node_passwords for export in _exports(node_id)),
        node_accounts="\n".join(_account(node_id, password) for node_id, password in node_passwords.items()),
    )


def node_subjects(node_id: str) -> list[tuple[str, bool]]:
    """What a node may publish: its own words and the way to its own work. Each with whether many answers may come."""
    node, consumer = subjects.token(node_id), subjects.runner_consumer(node_id)
    return [
        (f"rgrid.report.{node}.>", False),
        (f"rgrid.log.{node}.>", False),
        (subjects.lease(node), False),
        (f"rgrid.ask.{node}.>", False),
        (f"$JS.API.CONSUMER.MSG.NEXT.{subjects.WORK}.{consumer}", True),
        (f"$JS.ACK.{subjects.WORK}.{consumer}.>", False),
        (f"$JS.ACK.*.*.{subjects.WORK}.{consumer}.>", False),
    ]


def account_name(node_id: str) -> str:
    return f"NODE-{subjects.token(node_id)}"


def _exports(node_id: str) -> list[str]:
    """What the grid's account lets this node's account use."""
    return [
        "      " + json.dumps({"service": subject, "accounts": [account_name(node_id)], **_answers(many)})
        for subject, many in node_subjects(node_id)
    ]


def _answers(many: bool) -> dict[str, str]:
    return {"response_type": "Stream"} if many else {}


def _account(node_id: str, password: str) -> str:
    """The account of a node, and in it the one user."""
    allowed = [subject for subject, _ in node_subjects(node_id)]
    inbox = f"{subjects.inbox_prefix(node_id)}.>"
    permissions = {"publish": {"allow": allowed}, "subscribe": {"allow": [inbox]}}
    account = {
        "users": [{"user": node_id, "password": password, "permissions": permissions}],
        "imports": [{"service": {"account": "GRID", "subject": subject}} for subject in allowed],
    }
    return f"  {json.dumps(account_name(node_id))}: {json.dumps(account)}"
