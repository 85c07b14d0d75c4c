"""The blob door: an ASGI application that takes and gives blobs of a LocalStore to holders of signed URLs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from services.artifacts.local import LocalStore

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Door:
    """Serves `…/<account>/<sha256>?op=…`: PUT, HEAD, PATCH, GET. Mount it at `/blobs`."""

    def __init__(self, store: LocalStore) -> None:
        self._store = store

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise NotImplementedError
