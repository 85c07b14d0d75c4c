"""Blobs to the grid: only what it lacks, straight to signed URLs, resumable, in bounded memory.

Small blobs go many in one request; middling ones whole by PUT over eight connections; big ones in blocks by PATCH, as zstd
frames where they compress.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from itertools import islice

from . import door
from .abreast import abreast
from .blob import Blob, changed
from .blocks import in_blocks
from .offer import Offer, ask, bundle_body, bundles
from .patience import NETWORK, Patience, Stopped
from .transport import Api
from .verdict import Verdict, judged

PAGE = 1000
CONNECTIONS = 8
BUNDLES_AT_ONCE = 3
"""At most three times 8 MiB in memory."""
SMALL_BYTES = 1 << 20
BIG_AT_ONCE = 2
"""Two big files in flight: at most 2 x (a block and its compressed form) in memory."""


def upload(api: Api, blobs: list[Blob]) -> set[str]:
    """Bring `blobs` to the grid; the hashes that it lacked. Raises CliError."""
    sent: set[str] = set()
    for page in _pages(list({blob.sha256: blob for blob in blobs}.values())):
        offer = ask(api, page)
        sent |= offer.missing
        Sender(api).send(page, offer)
    return sent


def _pages(blobs: list[Blob]) -> Iterator[list[Blob]]:
    left = iter(blobs)
    while page := list(islice(left, PAGE)):
        yield page


class Sender:
    """One page on its way. A thread each per connection; the first failure stops them all."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.asking = threading.Lock()
        self.big = threading.Semaphore(BIG_AT_ONCE)
        self.patience = Patience("The upload")

    def send(self, page: list[Blob], offer: Offer) -> None:
        small = [blob for blob in page if blob.sha256 in offer.bundled]
        work = [(each, offer.bundle) for each in bundles(small, offer.bytes_max)]
        abreast(self.many, work, BUNDLES_AT_ONCE, self.patience)
        alone = [(blob, offer.alone[blob.sha256]) for blob in page if blob.sha256 in offer.alone]
        abreast(self.one, alone, CONNECTIONS, self.patience)

    def many(self, blobs: list[Blob], url: str) -> None:
        """Bring small blobs in one request, however often the network breaks."""
        while blobs:
            verdict = self.tried(blobs, partial(self.bundle, blobs, url))
            if verdict is Verdict.STORED:
                for blob in blobs:
                    blob.still_same()
                return
            if verdict is Verdict.RENEW:
                offer = self.asked(blobs)
                for blob in blobs:
                    if blob.sha256 in offer.alone:
                        self.one(blob, offer.alone[blob.sha256])
                url, blobs = offer.bundle, [blob for blob in blobs if blob.sha256 in offer.bundled]

    def one(self, blob: Blob, url: str) -> None:
        """Upload one blob, however often the network breaks."""
        big = blob.size_bytes > SMALL_BYTES
        while True:
            with self.big if big else threading.Lock():
                verdict = self.tried([blob], partial(in_blocks if big else self.whole, self.patience, blob, url))
            if verdict is Verdict.RENEW:
                offer = self.asked([blob], bundle=False)
                if blob.sha256 in offer.alone:
                    url = offer.alone[blob.sha256]
                    continue
            if verdict is not Verdict.AGAIN:
                blob.still_same()
                return

    def tried(self, blobs: list[Blob], send: door.Send) -> Verdict:
        """One try, judged."""
        if self.patience.stop.is_set():
            raise Stopped
        try:
            return judged(self.patience, blobs, *send())
        except NETWORK as broken:
            self.patience.wait(broken)
            return Verdict.AGAIN

    def asked(self, blobs: list[Blob], *, bundle: bool = True) -> Offer:
        """A new offer: one thread asks at a time, since they share the connection."""
        with self.asking:
            return ask(self.api, blobs, bundle=bundle)

    def bundle(self, blobs: list[Blob], url: str) -> door.Answer:
        return door.finished("POST", url, bundle_body(blobs), {"Content-Type": "application/octet-stream"})

    def whole(self, patience: Patience, blob: Blob, url: str) -> door.Answer:
        body = blob.piece(0, blob.size_bytes + 1)
        if len(body) != blob.size_bytes and blob.path:
            raise changed(blob.path)
        return door.finished("PUT", url, body, {"Content-Type": "application/octet-stream"})
