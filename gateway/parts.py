"""What the routes work with: one frozen object, made in the composition root and handed to every request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from gateway.auth import Caller, Keys, caller_of
from gateway.manifests import Manifests
from gateway.stream.room import StreamRoom
from gateway.tickets import Tickets
from gateway.vault import Vault
from projections.queries import Queries
from services.artifacts.store import ArtifactStore
from services.runtime.bus import Bus
from services.runtime.handle import Handler
from services.runtime.locks import Locks
from services.runtime.log import EventLog
from services.runtime.log_stored import LogChunks
from services.runtime.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything with a connection or a secret behind it."""

    settings: Settings
    bus: Bus
    log: EventLog
    handler: Handler
    queries: Queries
    store: ArtifactStore
    manifests: Manifests
    locks: Locks
    chunks: LogChunks
    streams: StreamRoom
    keys: Keys
    tickets: Tickets
    vault: Vault
    started_at: float


async def parts_of(connection: HTTPConnection) -> Parts:
    """Dependency of every route; a coroutine, since FastAPI sends a plain function through a thread for every request."""
    parts = connection.app.state.parts
    assert isinstance(parts, Parts)
    return parts


PartsDep = Annotated[Parts, Depends(parts_of)]
CallerDep = Annotated[Caller, Depends(caller_of)]
