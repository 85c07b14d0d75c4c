"""One exchange with the blob door (signed URLs), on a kept-alive connection of the calling thread."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

from .transport import ANSWER_SECONDS, CONNECT_SECONDS, connection

Answer = tuple[int, str, dict[str, str]]
"""Status, text, headers (lower case) of a short answer."""
Body = bytes | Iterable[bytes] | None
Send = Callable[[], Answer]

_own = threading.local()


def exchange(
    method: str, url: str, body: Body = None, headers: dict[str, str] | None = None
) -> http.client.HTTPResponse:
    """Send and return the answer with its body unread; network failures come out as they are.

    A kept connection that the other side closed meanwhile is opened anew, where `body` can be sent twice.
    """
    parts = urlsplit(url)
    target = parts._replace(scheme="", netloc="", fragment="").geturl()
    fresh = False
    while True:
        wire = wire_to(url)
        fresh = fresh or wire.sock is None
        try:
            if wire.sock is None:
                wire.timeout = CONNECT_SECONDS
                wire.connect()
                wire.sock.settimeout(ANSWER_SECONDS)  # type: ignore[attr-defined]
            wire.request(method, target, body=body, headers=headers or {})
            return wire.getresponse()
        except (http.client.HTTPException, OSError):
            forget(url)
            if fresh or not isinstance(body, bytes | None):
                raise
            fresh = True
        except BaseException:  # half a request was sent: nothing else can follow it
            forget(url)
            raise


def finished(method: str, url: str, body: Body = None, headers: dict[str, str] | None = None) -> Answer:
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
