"""A real blob door: uvicorn on a loopback socket in a thread, over a store in a fresh folder."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from services.artifacts.door import Door, Receive, Scope, Send
from services.artifacts.local import LocalStore
from services.artifacts.local_door import LocalDoor
from services.artifacts.s3 import S3Store
from services.artifacts.s3_client import S3Place, ready
from services.artifacts.s3_door import S3Door
from services.artifacts.signing import SECONDS_MAX, Signer
from tests.fixtures.s3 import S3Server
from tests.services.artifacts.client import Client

KEY = bytes(range(32))


class Address:
    """Serves whichever door stands here now, so that tests share one server."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.door: Door | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.door is not None
        await self.door(scope, receive, send)

    def client(self, folder: Path) -> Client:
        """A client of a new door, over a store in `folder`."""
        store = LocalStore(folder, Signer(KEY, self.url))
        self.door = LocalDoor(store)
        return Client(store)

    def s3_client(self, server: S3Server, seconds: int = SECONDS_MAX, endpoint: str = "") -> Client:
        """A client of a new door, over a new bucket of `server`, reached at `endpoint` if that is said."""
        bucket = f"b-{secrets.token_hex(8)}"
        place = S3Place(endpoint or server.endpoint, bucket, server.access_key, server.secret_key, "us-east-1", "p/")
        ready(place)
        store = S3Store(place, Signer(KEY, self.url, seconds))
        self.door = S3Door(store)
        return Client(store)


@contextmanager
def serving() -> Iterator[Address]:
    address = Address()
    server = uvicorn.Server(uvicorn.Config(address, lifespan="off", access_log=False, log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [address.listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield address
    server.should_exit = server.force_exit = True
    thread.join(10)


@pytest.fixture(scope="session")
def address() -> Iterator[Address]:
    with serving() as found:
        yield found


@pytest.fixture
def client(address: Address, tmp_path: Path) -> Iterator[Client]:
    found = address.client(tmp_path / "artifacts")
    yield found
    found.store.close()
