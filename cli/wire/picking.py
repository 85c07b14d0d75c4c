"""Many small files in one answer: what does not come this way, for whatever reason, is fetched alone afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import door
from .abreast import abreast
from .offer import HEAD
from .patience import NETWORK, Stopped

if TYPE_CHECKING:
    from .download import Fetcher

AT_ONCE = 3
BYTES_MAX = 1 << 20
"""A blob that says it is larger is none of those that were asked for."""
LACKING = 2**64 - 1
Wanted = list[tuple[dict[str, Any], Path]]


class Picking:
    """The small files among some outputs."""

    def __init__(self, fetcher: Fetcher) -> None:
        self.fetcher = fetcher
        self.places: dict[str, Wanted] = {}
        self.done: set[Path] = set()

    def all_of(self, wanted: Wanted, picks: list[dict[str, Any]]) -> Wanted:
        """Bring what `picks` (each a URL and the hashes it gives) have of `wanted`; the rest of it. Raises CliError."""
        for item, path in wanted:
            self.places.setdefault(item["sha256"], []).append((item, path))
        work = [(pick,) for pick in picks if 2 * len(self.places.keys() & set(pick["blobs"])) > len(pick["blobs"])]
        abreast(self.one, work, AT_ONCE, self.fetcher.patience)
        return [(item, path) for item, path in wanted if path not in self.done]

    def one(self, pick: dict[str, Any]) -> None:
        """One answer; it is only tried once."""
        url = pick["url"]
        try:
            answer = door.exchange("POST", url, "\n".join(pick["blobs"]).encode())
            if answer.status != 200:
                answer.read()
                return
            for sha256, content in blobs(answer):
                if self.fetcher.patience.stop.is_set():
                    raise Stopped
                self.put(sha256, content)
        except NETWORK:
            door.forget(url)
        except BaseException:
            door.forget(url)
            raise

    def put(self, sha256: str, content: bytes) -> None:
        """Write one content to all its places, if it is what it should be; several answers may have it."""
        if hashlib.sha256(content).hexdigest() != sha256:
            return
        for item, path in self.places.pop(sha256, []):
            with self.fetcher.placed(item, path) as part:
                part.write_bytes(content)
            self.done.add(path)
            if self.fetcher.progress is not None:
                self.fetcher.progress.add(len(content))


def blobs(answer: HTTPResponse) -> Iterator[tuple[str, bytes]]:
    """(SHA-256, content) of a bundle, one in memory at a time; what lacks is left out."""
    while len(head := answer.read(HEAD.size)) == HEAD.size:
        digest, length = HEAD.unpack(head)
        if length == LACKING:
            continue
        if length > BYTES_MAX:
            return
        yield digest.hex(), answer.read(length)
