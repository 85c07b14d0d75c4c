"""Asks the gateway of a local grid, with the standard library only: the supervisor stays small."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5.0


def ask(
    api_url: str, path: str, key: str = "", *, timeout_seconds: float = TIMEOUT_SECONDS
) -> tuple[int, dict[str, Any]]:
    """(status, JSON object) of `GET path`; status 0 when nobody answers."""
    where = urlsplit(api_url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=timeout_seconds)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {key}"} if key else {})
        answer = connection.getresponse()
        return answer.status, _object(answer.read())
    except (OSError, http.client.HTTPException):
        return 0, {}
    finally:
        connection.close()


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
