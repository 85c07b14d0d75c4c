"""How the blobs that lack can be brought: each to a URL, many small ones in bundles, large ones in parts, as the store has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.artifacts import picks
from services.artifacts.bundling import BLOB_BYTES_MAX, BYTES_MAX, worthwhile
from services.artifacts.store import ArtifactStore
from services.runtime.messages import BlobRef, PartsGiven


@dataclass(frozen=True, slots=True)
class Offer:
    """`urls` and `parts` by hash; `bundled` are the hashes that go to the URL `bundle`, `bytes_max` a request."""

    urls: dict[str, str]
    bundle: str
    bundled: tuple[str, ...]
    parts: dict[str, PartsGiven]
    bytes_max: int = BYTES_MAX


async def offer(
    store: ArtifactStore, account: str, blobs: Sequence[BlobRef], scope: str, *, bundles: bool, parts: bool
) -> Offer:
    """For those of `blobs` that are missing; `bundles` and `parts` say what the client knows how to do."""
    missing = await store.missing(account, blobs)
    small = worthwhile(missing) if bundles else {}
    large = [blob for blob in missing if blob.size_bytes > BLOB_BYTES_MAX] if parts else []
    given = await store.parts(account, large, scope) if large else {}
    alone = [blob for blob in missing if blob.sha256 not in small and blob.sha256 not in given]
    urls = {blob.sha256: store.upload_url(account, blob.sha256, blob.size_bytes, scope) for blob in alone}
    return Offer(urls, store.bundle_url(account, BYTES_MAX, scope) if small else "", tuple(small), given)


def pick(store: ArtifactStore, account: str, blobs: Sequence[BlobRef], scope: str) -> tuple[str, tuple[str, ...]]:
    """A URL that gives the small ones of `blobs` in one answer, and their hashes; nothing when they are few."""
    small = tuple(worthwhile(blobs))
    return (store.pick_url(account, picks.digest_of(small), scope), small) if small else ("", ())
