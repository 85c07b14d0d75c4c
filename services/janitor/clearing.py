"""Removes the blobs that nobody needs any more: no execution whose files are kept, no batch that is open.

Whoever names a blob in the log has asked the store for it before, which keeps it for half a day at least; and who named it
earlier is in the read models, which are waited for. So what is neither stays unneeded, however many submit, reuse and clear at
once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from domain.errors import NotFound
from services.artifacts.store import BlobDamaged
from services.janitor.expiring import caught_up
from services.janitor.lists import Listing, listing
from services.runtime.service import Context

STALE_SECONDS = 24 * 3600.0
CANDIDATES_MAX = 200_000
"""So many are looked at in one go; the next go takes the others."""
Candidates = dict[str, set[str]]
"""SHA-256 by account."""


@dataclass(slots=True)
class Cleared:
    """How many blobs were removed, and what they took up in the store."""

    blobs: int = 0
    size_bytes: int = 0


async def clear(context: Context) -> Cleared:
    """Remove them. Raises Unavailable, OSError."""
    cleared = Cleared()
    async for candidates in _candidates(context):
        await caught_up(context)
        await _keep_needed(context, candidates)
        for account, hashes in candidates.items():
            for sha256 in sorted(hashes):
                size = await context.shell.store.remove_stale(account, sha256, STALE_SECONDS)
                if size is not None:
                    cleared.blobs, cleared.size_bytes = cleared.blobs + 1, cleared.size_bytes + size
    return cleared


async def _candidates(context: Context) -> AsyncIterator[Candidates]:
    """What nobody asked for in a while and no row of the read models names, in lots of about CANDIDATES_MAX."""
    found: Candidates = {}
    count = 0
    async for account, hashes in context.shell.store.stale(STALE_SECONDS):
        unneeded = set(hashes) - await context.queries.blob_needed(account, hashes)
        if unneeded:
            found.setdefault(account, set()).update(unneeded)
            count += len(unneeded)
        if count >= CANDIDATES_MAX:
            yield found
            found, count = {}, 0
    if found:
        yield found


async def _keep_needed(context: Context, candidates: Candidates) -> None:
    """Take out what is needed: named by itself, or in a list that is. An account with a list that cannot be read keeps all."""
    for account, hashes in candidates.items():
        hashes -= await context.queries.blob_needed(account, sorted(hashes))
    for account, sha256, kind in await context.queries.blob_lists():
        hashes = candidates.get(account, set())
        if not hashes:
            continue
        try:
            await _take_out(context, account, sha256, listing(kind), hashes)
        except (NotFound, BlobDamaged, ValueError, KeyError, TypeError, AttributeError) as error:
            context.logger.error("Nothing of %s is removed: the list %s cannot be read: %s", account, sha256, error)
            hashes.clear()


async def _take_out(context: Context, account: str, sha256: str, names: Listing, hashes: set[str]) -> None:
    """Of `hashes` what a list names, as it is read: it is never in memory as a whole, and not parsed in the event loop."""
    async for piece in context.shell.store.open(account, sha256):
        hashes -= await asyncio.to_thread(names.feed, piece)
    hashes -= await asyncio.to_thread(names.finish)
