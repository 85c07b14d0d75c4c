"""A lean HTTP client, so that what is measured is the server: one connection kept alive, on a bare asyncio protocol."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any
from urllib.parse import urlsplit

import orjson


class Connection:
    """One request at a time over one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, key: str) -> None:
        self._reader, self._writer = reader, writer
        self._head = f"Host: {host}\r\nAuthorization: Bearer {key}\r\n"

    @classmethod
    async def open(cls, url: str, key: str) -> Connection:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22)
        return cls(reader, writer, parts.netloc, key)

    async def get(self, path: str) -> tuple[int, bytes]:
        self._writer.write(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode())
        return await self._answer()

    async def post(self, path: str, value: Any, method: str = "POST") -> tuple[int, bytes]:
        body = value if isinstance(value, bytes) else orjson.dumps(value)
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Type: application/json\r\n"
        self._writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return await self._answer()

    async def _answer(self) -> tuple[int, bytes]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        lower = head.lower()
        at = lower.index(b"content-length:") + len(b"content-length:")
        length = int(lower[at : lower.index(b"\r\n", at)])
        return int(head[9:12]), await self._reader.readexactly(length) if length else b""

    def close(self) -> None:
        self._writer.close()


async def stored_blob(connection: Connection, data: bytes) -> dict[str, Any]:
    """Upload `data`; its hash and size."""
    blob = {"sha256": hashlib.sha256(data).hexdigest(), "size_bytes": len(data)}
    _, answer = await connection.post("/api/v1/blobs", {"blobs": [blob]})
    for url in orjson.loads(answer)["missing"].values():
        parts = urlsplit(url)
        await connection.post(f"{parts.path}?{parts.query}", data, "PUT")
    return blob


async def stored_script(connection: Connection, text: bytes) -> dict[str, Any]:
    """Upload `text` as a script; the `script` of a submission."""
    return {"path": "script.py", **await stored_blob(connection, text)}
