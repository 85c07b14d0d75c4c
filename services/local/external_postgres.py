"""A Postgres that somebody else runs (RGRID_POSTGRES_DSN): not launched, but it must answer and let us in."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from services.local.problem import Problem

POSTGRES_PORT = 5432
TRIAL_SECONDS_MAX = 20.0
SSL_REQUEST = bytes.fromhex("0000000804d2162f")
"""The eight bytes that every Postgres answers with one letter before it asks who we are."""


def check_postgres(dsn: str) -> str:
    """Where the server of `dsn` answers. Raises Problem when nothing does, it is no Postgres, or it does not let us in."""
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
    _try_login(dsn, f"{host}:{port}")
    return f"{host}:{port}"


def _try_login(dsn: str, where: str) -> None:
    """In a process of its own: the supervisor needs no Postgres client in its memory afterwards."""
    command = [sys.executable, "-P", "-m", "services.local.try_postgres"]
    done = subprocess.run(
        command, input=dsn, capture_output=True, text=True, timeout=TRIAL_SECONDS_MAX, cwd="/", check=False
    )
    if done.returncode != 0:
        words = (done.stderr.strip().splitlines() or ["it does not say why"])[-1]
        raise Problem(
            f"The Postgres at {where} does not let us work: {words}.",
            "RGRID_POSTGRES_DSN names the user, the password and the database.",
            "What it needs is in docs/external-servers.md",
            code="POSTGRES_REFUSED",
        )


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
