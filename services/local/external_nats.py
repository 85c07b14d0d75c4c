"""A NATS server that somebody else runs (RGRID_NATS_URL): not launched, but asked for its version and let two users in.

The control plane is one user; the runner is another, with rights to its own node's subjects and nothing else. That is how
a script that breaks out of its box still cannot write the log, so the runner never gets the control plane's password.
"""

from __future__ import annotations

import json
import socket
from urllib.parse import urlsplit

from services.local.nats_server import greeting, refuse_old
from services.local.problem import Problem
from services.runtime.connection_url import Login, login_of
from services.runtime.settings import Settings

PORT = 4222
ANSWER_SECONDS = 5.0
DOCS = "The users it needs are in docs/external-servers.md"


def check_nats(settings: Settings) -> str:
    """The version of the server, once it let both users in. Raises Problem with what to do."""
    control = login_of(settings.nats_url, settings.nats_user, settings.nats_password)
    version = _version(control)
    if not settings.nats_node_url or not login_of(settings.nats_node_url).user:
        raise Problem(
            "With RGRID_NATS_URL the runner needs a NATS user of its own.",
            "RGRID_NATS_NODE_URL is missing, or names no user and password.",
            f"export RGRID_NATS_NODE_URL=nats://{settings.node_id}:PASSWORD@HOST:4222     {DOCS}",
            code="NATS_NODE_USER",
        )
    for name, login in (("RGRID_NATS_URL", control), ("RGRID_NATS_NODE_URL", login_of(settings.nats_node_url))):
        _log_in(name, login)
    return version


def _version(login: Login) -> str:
    host, port = _address(login)
    hello = greeting(host, port, timeout_seconds=ANSWER_SECONDS)
    if not hello:
        raise Problem(
            f"No NATS server answers at {host}:{port}.",
            "It was set by RGRID_NATS_URL.",
            "Start it, correct the URL, or unset RGRID_NATS_URL to use the embedded one.",
            code="NATS_UNREACHABLE",
        )
    info = json.loads(hello.removeprefix(b"INFO ").split(b"\r\n")[0])
    version = refuse_old(str(info.get("version", "")), f"{host}:{port}")
    if not info.get("jetstream"):
        raise Problem(
            f"The NATS server at {host}:{port} has no JetStream.", fix="Start it with -js or a jetstream block."
        )
    return version


def _log_in(setting: str, login: Login) -> None:
    """CONNECT and PING, as any client would; over TLS that is left to the parts themselves."""
    host, port = _address(login)
    words = {"verbose": False, "pedantic": False, "lang": "rgrid", "version": "0", "protocol": 1}
    words |= {"user": login.user, "pass": login.password} if login.user else {}
    try:
        with socket.create_connection((host, port), ANSWER_SECONDS) as connection:
            hello = connection.recv(8192)
            if json.loads(hello.removeprefix(b"INFO ").split(b"\r\n")[0]).get("tls_required"):
                return
            connection.sendall(f"CONNECT {json.dumps(words)}\r\nPING\r\n".encode())
            answer = b""
            while b"PONG" not in answer and b"-ERR" not in answer and (piece := connection.recv(8192)):
                answer += piece
    except (OSError, ValueError) as error:
        raise Problem(f"The NATS server at {host}:{port} broke off: {error}.", f"It was set by {setting}.") from error
    if b"PONG" not in answer:
        raise Problem(
            f"The NATS server at {host}:{port} does not let {login.user or 'anonymous'} in.",
            f"User and password come from {setting}.",
            f"Correct them, or add the user. {DOCS}",
            code="NATS_REFUSED",
        )


def _address(login: Login) -> tuple[str, int]:
    where = urlsplit(login.url)
    return where.hostname or "", where.port or PORT
