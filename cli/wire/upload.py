"""Blobs to the grid: only what it lacks, straight to signed URLs, resumable, in bounded memory.

Small blobs go many in one request; middling ones whole by PUT over eight connections; big ones in parts where the store takes
them so, else in blocks by PATCH.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from itertools import islice

from ..errors import Unreachable
from . import door
from .abreast import abreast
from .blob import Blob, changed
from .blocks import InBlocks
from .offer import Offer, Parts, ask, bundle_body, bundles
from .parts import InParts
from .patience import NETWORK, Patience, Stopped
from .progress import Progress
from .transport import Api
from .verdict import Verdict, judged

PAGE = 1000
"""So many are asked about at once; no bundle may have more either."""
CONNECTIONS = 8
BUNDLES_AT_ONCE = 3
"""At most three times 8 MiB in memory."""
SMALL_BYTES = 1 << 20
PARTED_BYTES = 8 << 20
BIG_AT_ONCE = 2
"""Two big files in flight: at most 2 x (a block and its compressed form) in memory."""


def upload(api: Api, blobs: list[Blob]) -> set[str]:
    """Bring `blobs` to the grid; the hashes that it lacked. Raises CliError."""
    distinct = list({blob.sha256: blob for blob in blobs}.values())
    sent: set[str] = set()
    with Progress("uploading", sum(blob.size_bytes for blob in distinct)) as progress:
        sender = Sender(api, progress)
        for page in _pages(distinct):
            offer = sender.asked(page)
            progress.known(sum(blob.size_bytes for blob in page if blob.sha256 not in offer.missing))
            sent |= offer.missing
            sender.send(page, offer)
    return sent


def _pages(blobs: list[Blob]) -> Iterator[list[Blob]]:
    left = iter(blobs)
    while page := list(islice(left, PAGE)):
        yield page


class Sender:
    """Blobs on their way. A thread each per connection; the first failure stops them all."""

    def __init__(self, api: Api, progress: Progress) -> None:
        self.api, self.progress = api, progress
        self.asking = threading.Lock()
        self.big = threading.Semaphore(BIG_AT_ONCE)
        self.patience = Patience("The upload")

    def send(self, page: list[Blob], offer: Offer) -> None:
        small = [blob for blob in page if blob.sha256 in offer.bundled]
        work = [(each, offer.bundle) for each in bundles(small, offer.bytes_max)]
        abreast(self.many, work, BUNDLES_AT_ONCE, self.patience)
        alone = [(blob, offer.alone[blob.sha256]) for blob in page if blob.sha256 in offer.alone]
        abreast(self.one, alone, CONNECTIONS, self.patience)
        large = [(blob, offer.parts[blob.sha256]) for blob in page if blob.sha256 in offer.parts]
        abreast(self.in_parts, large, CONNECTIONS, self.patience)

    def many(self, blobs: list[Blob], url: str) -> None:
        """Bring small blobs in one request, however often the network breaks."""
        while blobs:
            verdict = self.tried(blobs, partial(self.bundle, blobs, url))
            if verdict is Verdict.STORED:
                for blob in blobs:
                    blob.still_same()
                self.progress.add(sum(blob.size_bytes for blob in blobs))
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
        send = InBlocks(blob, self.patience, self.progress).send if big else partial(self.whole, blob)
        while True:
            with self.big if big else threading.Lock():
                verdict = self.tried([blob], partial(send, url))
            if verdict is Verdict.RENEW:
                offer = self.asked([blob], bundle=False)
                if blob.sha256 in offer.alone:
                    url = offer.alone[blob.sha256]
                    continue
            if verdict is not Verdict.AGAIN:
                blob.still_same()
                return

    def in_parts(self, blob: Blob, given: Parts) -> None:
        """Upload one blob in parts, each however often the network breaks."""

        def lacking() -> Parts | None:
            return self.asked([blob], bundle=False).parts.get(blob.sha256)

        with self.big if blob.size_bytes > PARTED_BYTES else threading.Lock():
            InParts(blob, self.patience, self.progress, lacking).send(given)
        blob.still_same()

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
        """What the grid lacks now; one thread asks at a time, since they share the connection."""
        while True:
            try:
                with self.asking:
                    return ask(self.api, blobs, bundle=bundle)
            except Unreachable as away:
                if not self.api.expected:
                    raise
                self.patience.wait(away.__cause__ or away.message)

    def bundle(self, blobs: list[Blob], url: str) -> door.Answer:
        return door.finished("POST", url, bundle_body(blobs), {"Content-Type": "application/octet-stream"})

    def whole(self, blob: Blob, url: str) -> door.Answer:
        body = blob.piece(0, blob.size_bytes + 1)
        if len(body) != blob.size_bytes and blob.path:
            raise changed(blob.path)
        answer = door.finished("PUT", url, body, {"Content-Type": "application/octet-stream"})
        self.progress.add(len(body) if answer[0] < 300 else 0)
        return answer
