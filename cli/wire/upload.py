"""Blobs to the grid: only what it lacks, straight to signed URLs, resumable, in bounded memory.

Small blobs go whole by PUT over eight connections; big ones in blocks by PATCH, zstd frames where they compress.
"""

from __future__ import annotations

import json
import threading
from itertools import islice
from typing import Any

from ..errors import CliError
from . import door
from .abreast import abreast
from .blob import Blob, changed
from .patience import NETWORK, Patience, Stopped
from .transport import Api

PAGE = 1000
CONNECTIONS = 8
SMALL_BYTES = 1 << 20
BLOCK_BYTES = 8 << 20
BIG_AT_ONCE = 2
"""Two big files in flight: at most 2 x (a block and its compressed form) in memory."""
WORTH_IT = 0.9


def upload(api: Api, blobs: list[Blob]) -> set[str]:
    """Bring `blobs` to the grid; the hashes that it lacked. Raises CliError."""
    distinct = list({blob.sha256: blob for blob in blobs}.values())
    sent: set[str] = set()
    pages = iter(distinct)
    while page := list(islice(pages, PAGE)):
        missing = ask(api, page)
        sent |= missing.keys()
        Sender(api).send([(blob, missing[blob.sha256]) for blob in page if blob.sha256 in missing])
    return sent


def ask(api: Api, page: list[Blob]) -> dict[str, str]:
    """The signed upload URL of each blob that the grid lacks."""
    body = {"blobs": [{"sha256": blob.sha256, "size_bytes": blob.size_bytes} for blob in page]}
    return dict(api.post("/blobs", body)["missing"])


class Sender:
    """One page on its way. A thread each per connection; the first failure stops them all."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.asking = threading.Lock()
        self.big = threading.Semaphore(BIG_AT_ONCE)
        self.patience = Patience("The upload")

    def send(self, work: list[tuple[Blob, str]]) -> None:
        abreast(self.one, work, CONNECTIONS, self.patience)

    def one(self, blob: Blob, url: str) -> None:
        """Upload one blob, however often the network breaks."""
        while not self.patience.stop.is_set():
            try:
                with self.big if blob.size_bytes > SMALL_BYTES else threading.Lock():
                    again = self.in_blocks(blob, url) if blob.size_bytes > SMALL_BYTES else self.whole(blob, url)
            except NETWORK as broken:
                self.patience.wait(broken)
                continue
            if again is None:
                blob.still_same()
                return
            url = again
        raise Stopped

    def whole(self, blob: Blob, url: str) -> str | None:
        body = blob.piece(0, blob.size_bytes + 1)
        if len(body) != blob.size_bytes and blob.path:
            raise changed(blob.path)
        return self.judged(blob, url, *door.finished("PUT", url, body, {"Content-Type": "application/octet-stream"}))

    def in_blocks(self, blob: Blob, url: str) -> str | None:
        """PATCH from where the door stands; None when all is stored, else the URL to go on with."""
        status, text, headers = door.finished("HEAD", url)
        if headers.get("blob-complete") == "1":
            return None
        offset = int(headers.get("upload-offset", "0")) if status in (200, 204) else 0
        if status >= 400 and status != 404:
            return self.judged(blob, url, status, text, headers)
        squeeze = worthwhile(blob)
        while offset < blob.size_bytes:
            if self.patience.stop.is_set():
                raise Stopped
            raw = blob.piece(offset, BLOCK_BYTES)
            if not raw and blob.path:
                raise changed(blob.path)
            sent = {"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"}
            sent |= {"Content-Encoding": "zstd"} if squeeze else {}
            status, text, headers = door.finished("PATCH", url, frame(raw) if squeeze else raw, sent)
            if status >= 300:
                return self.judged(blob, url, status, text, headers)
            offset = int(headers.get("upload-offset", offset + len(raw)))
            self.patience.progress()
        return None

    def judged(self, blob: Blob, url: str, status: int, text: str, headers: dict[str, str]) -> str | None:
        """None when the blob is stored; a URL when it shall be tried again; raises CliError when that is of no use."""
        if status < 300:
            self.patience.progress()
            return None
        message, code = said(text)
        if status in (401, 403, 410):
            with self.asking:
                fresh = ask(self.api, [blob]).get(blob.sha256)
            self.patience.wait(message or "a signed URL expired")
            return fresh
        if status in (408, 409, 425, 429) or status >= 500:
            self.patience.wait(message or f"HTTP {status}", float(headers.get("retry-after", "0") or 0))
            return url
        if status in (400, 422) and blob.path is not None and code in ("HASH_MISMATCH", "SIZE_MISMATCH"):
            blob.still_same()
        raise CliError(f"The grid refused an upload: {message or f'HTTP {status}'}.", code=code or "UPLOAD_REFUSED")


def worthwhile(blob: Blob) -> bool:
    """Whether zstd makes the beginning smaller than WORTH_IT of itself; the same answer when an upload is resumed."""
    sample = blob.piece(0, SMALL_BYTES)
    return len(frame(sample)) < WORTH_IT * len(sample)


def frame(raw: bytes) -> bytes:
    """One whole zstd frame."""
    import zstandard

    return zstandard.ZstdCompressor(level=3).compress(raw)


def said(text: str) -> tuple[str, str]:
    """Message and code of an error body; empty when it is none of ours."""
    try:
        error: Any = json.loads(text)["error"]
        return str(error["message"]), str(error["code"])
    except (ValueError, KeyError, TypeError):
        return "", ""
