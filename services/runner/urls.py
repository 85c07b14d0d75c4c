"""Asks the control plane for signed URLs: a runner may touch the blobs of the attempts it holds, and no others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from domain.errors import Invalid, StaleLease, Unavailable
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.messages import URLS_MAX, BlobRef, PartsGiven, RunWork, UrlsGiven, UrlsWanted
from services.runtime.plain import from_json, to_json

PATIENCE_SECONDS = 600.0
PAUSE_SECONDS_MAX = 5.0
ASK_SECONDS = 10.0
ARCHIVE_SECONDS = 5.0
"""How long it keeps asking for what it can also make by itself."""
REFUSALS = ("TOO_MANY", "NOT_YOURS", "INVALID_REQUEST")
"""Asking again would not help."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the store lacks: `urls` by hash, (URL for bundles, hashes), `parts` by hash."""

    urls: dict[str, str]
    bundles: list[tuple[str, tuple[str, ...]]]
    parts: dict[str, PartsGiven]


class Urls:
    """Signed URLs for one attempt. `patience_seconds`: how long it keeps asking a control plane that does not answer."""

    def __init__(self, bus: Bus, node_id: str, work: RunWork, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._bus, self._work, self.patience_seconds = bus, work, patience_seconds
        self._subject = subjects.ask_urls(node_id, work.execution)

    async def download(self, blobs: Sequence[BlobRef]) -> dict[str, str]:
        """URL by hash."""
        return await self._ask("download", blobs)

    async def upload(self, blobs: Sequence[BlobRef]) -> dict[str, str]:
        """URL by hash, for those that are not stored yet."""
        return await self._ask("upload", blobs)

    async def fetch(self, blobs: Sequence[BlobRef]) -> Offer:
        """As `download`, but small ones may come many in one answer instead: (URL of it, their hashes)."""
        return await self._many("download", blobs)

    async def bring(self, blobs: Sequence[BlobRef]) -> Offer:
        """As `upload`, but small ones may go in bundles instead, large ones in parts."""
        return await self._many("upload", blobs)

    async def archive(self, environment: str) -> tuple[str, str] | None:
        """(hash, URL) of what other nodes made of an environment; None: the store has nothing.

        Raises as `download` does, but sooner."""
        work = self._work
        wanted = UrlsWanted(work.account, work.execution, work.attempt, "download", (), environment=environment)
        given = await self._answer(wanted, ARCHIVE_SECONDS)
        return next(iter(given.urls.items()), None)

    async def _many(self, direction: str, blobs: Sequence[BlobRef]) -> Offer:
        found = Offer({}, [], {})
        for at in range(0, len(blobs), URLS_MAX):
            given = await self._some(direction, tuple(blobs[at : at + URLS_MAX]), many=True)
            found.urls.update(given.urls)
            found.parts.update(given.parts)
            if given.bundled:
                found.bundles.append((given.bundle, given.bundled))
        return found

    async def _ask(self, direction: str, blobs: Sequence[BlobRef]) -> dict[str, str]:
        """Raises StaleLease (the attempt is not ours any more), Invalid (refused), Unavailable (no answer for too long)."""
        found: dict[str, str] = {}
        for at in range(0, len(blobs), URLS_MAX):
            found |= (await self._some(direction, tuple(blobs[at : at + URLS_MAX]))).urls
        return found

    async def _some(self, direction: str, blobs: tuple[BlobRef, ...], *, many: bool = False) -> UrlsGiven:
        work = self._work
        wanted = UrlsWanted(work.account, work.execution, work.attempt, direction, blobs, many, many)
        return await self._answer(wanted, self.patience_seconds)

    async def _answer(self, wanted: UrlsWanted, patience_seconds: float) -> UrlsGiven:
        question, waited, pause = to_json(wanted), 0.0, 0.05
        while True:
            try:
                given = from_json(UrlsGiven, await self._bus.request(self._subject, question, ASK_SECONDS))
                if not given.error:
                    return given
                if given.error == StaleLease.code:
                    raise StaleLease(given.message)
                if given.error in REFUSALS:
                    raise Invalid(given.message, code=given.error)
                problem = given.message or given.error
            except Unavailable as error:
                problem = error.message
            if waited >= patience_seconds:
                raise Unavailable(problem)
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(pause * 2, PAUSE_SECONDS_MAX)
