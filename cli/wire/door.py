"""One exchange with the blob door (signed URLs), on a kept-alive connection of the calling thread."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from .transport import ANSWER_SECONDS, connection

Answer = tuple[int, str, dict[str, str]]
"""Status, text, headers (lower case) of a short answer."""
Send = Callable[[], Answer]

_own = threading.local()


def exchange(
    method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> http.client.HTTPResponse:
    """Send and return the answer with its body unread; network failures come out as they are."""
    wire = wire_to(url)
    parts = urlsplit(url)
    try:
        wire.request(
            method, parts._replace(scheme="", netloc="", fragment="").geturl(), body=body, headers=headers or {}
        )
        return wire.getresponse()
    except (http.client.HTTPException, OSError):
        forget(url)
        raise


def finished(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    """An exchange whose answer is short."""
    answer = exchange(method, url, body, headers)
    try:
        text = answer.read()
    except (http.client.HTTPException, OSError):
        forget(url)
        raise
    return answer.status, text[:4096].decode("utf-8", "replace"), {k.lower(): v for k, v in answer.headers.items()}


def wire_to(url: str) -> http.client.HTTPConnection:
    """This thread's connection to the host of `url`."""
    host = urlsplit(url)[:2]
    wires = _own.__dict__.setdefault("wires", {})
    if host not in wires:
        wires[host] = connection(url, ANSWER_SECONDS)
    return wires[host]


def forget(url: str) -> None:
    """Close this thread's connection: the next exchange opens a new one."""
    if wire := _own.__dict__.get("wires", {}).pop(urlsplit(url)[:2], None):
        wire.close()
