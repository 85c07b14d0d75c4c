"""What a client of the blob door does, with http.client and bare sockets."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import zstandard

ACCOUNT = "local"
SCOPE = "exec_1.1"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def packed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        return json.loads(self.body)["error"]


class Client:
    """Talks to the door of `store` (a LocalStore or an S3Store)."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def put_url(self, data: bytes, *, scope: str = SCOPE, account: str = ACCOUNT) -> str:
        return self.store.upload_url(account, sha(data), len(data), scope)

    def get_url(self, data: bytes, *, account: str = ACCOUNT) -> str:
        return self.store.download_url(account, sha(data), SCOPE)

    def ask(self, method: str, url: str, body: bytes | Iterable[bytes] | None = None, **headers: str) -> Answer:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        try:
            fields = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, f"{parts.path}?{parts.query}", body, fields)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def put(self, data: bytes, body: bytes | None = None, **headers: str) -> Answer:
        return self.ask("PUT", self.put_url(data), data if body is None else body, **headers)

    def patch(self, url: str, offset: int, body: bytes, **headers: str) -> Answer:
        return self.ask("PATCH", url, body, upload_offset=str(offset), **headers)

    def get(self, data: bytes, **headers: str) -> Answer:
        return self.ask("GET", self.get_url(data), **headers)

    def offset(self, url: str) -> int:
        return int(self.ask("HEAD", url).headers["upload-offset"])

    def cut_off(self, method: str, url: str, length: int, body: bytes, **headers: str) -> None:
        """Announce `length` bytes, send `body`, and break the connection."""
        with self.connection(method, url, length, **headers) as wire:
            wire.sendall(body)

    def cut_off_after(self, url: str, least: int, length: int, body: bytes, **headers: str) -> None:
        """The same with a PATCH, breaking the connection when `least` bytes of content are stored."""
        with self.connection("PATCH", url, length, upload_offset="0", **headers) as wire:
            wire.sendall(body)
            self.offset_reaches(url, least)

    def resume(self, url: str, data: bytes) -> int:
        """Bring the rest, as soon as the door sees that the request before is gone; the offset it began at."""
        for _ in range(1000):
            offset = self.offset(url)
            answer = self.patch(url, offset, data[offset:])
            if answer.status != 409:
                assert answer.headers["blob-complete"] == "1"
                return offset
            time.sleep(0.01)
        raise AssertionError(answer.error)

    def connection(self, method: str, url: str, length: int, **headers: str) -> socket.socket:
        """A connection on which the head of a request was sent."""
        parts = urlsplit(url)
        wire = socket.create_connection((parts.hostname, parts.port), timeout=30)
        lines = [f"{method} {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {length}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        return wire

    def offset_reaches(self, url: str, least: int) -> int:
        """Wait until so much is stored (what is sent is stored soon after it)."""
        for _ in range(2000):
            if (offset := self.offset(url)) >= least:
                return offset
            time.sleep(0.01)
        raise AssertionError(f"only {offset} of {least} bytes were stored")

    def files(self) -> list[str]:
        """Every file in the store's folder, by its path in it."""
        folder = self.store.folder
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
