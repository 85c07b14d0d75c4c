"""Servers that somebody else runs (RGRID_NATS_URL, RGRID_POSTGRES_DSN): not launched, but checked by name and version."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from services.local.nats_server import greeting, refuse_old
from services.local.problem import Problem

NATS_PORT, POSTGRES_PORT = 4222, 5432
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""The eight bytes that every Postgres answers with one letter before it asks who we are."""


def check_nats(url: str) -> str:
    """The version of the server at `url`. Raises Problem when it is away or too old."""
    where = urlsplit(url.split(",")[0])
    host, port = where.hostname or "", where.port or NATS_PORT
    hello = greeting(host, port, timeout_seconds=5.0)
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


def check_postgres(dsn: str) -> str:
    """Where the server of `dsn` answers. Raises Problem when nothing does, or it is no Postgres."""
    host, port = _postgres_address(dsn)
    try:
        with _connect(host, port) as connection:
            connection.sendall(SSL_REQUEST)
            answer = connection.recv(1)
    except OSError as error:
        answer, why = b"", f" ({error.strerror or error})"
    else:
        why = ""
    if answer not in (b"S", b"N"):
        raise Problem(
            f"No Postgres answers at {host}:{port}{why}.",
            "It was set by RGRID_POSTGRES_DSN.",
            "Start it, correct the DSN, or unset RGRID_POSTGRES_DSN to use the embedded one.",
            code="POSTGRES_UNREACHABLE",
        )
    return f"{host}:{port}"


def _connect(host: str, port: int) -> socket.socket:
    if not host.startswith("/"):
        return socket.create_connection((host, port), timeout=5.0)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(5.0)
    connection.connect(str(Path(host) / f".s.PGSQL.{port}"))
    return connection


def _postgres_address(dsn: str) -> tuple[str, int]:
    where = urlsplit(dsn)
    query = parse_qs(where.query)
    host = where.hostname or query.get("host", ["localhost"])[0]
    return unquote(host), where.port or int(query.get("port", [str(POSTGRES_PORT)])[0])
