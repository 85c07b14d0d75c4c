"""The artifact store as everyone sees it: a folder and S3 are the same to those who call it, and to one conformance suite."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from domain.errors import Invalid, RgridError
from services.runtime.messages import BlobRef, PartsGiven

DAMAGED_SECONDS = 7 * 86_400.0
"""So long a damaged blob is kept for who wants to know what happened to it."""
SHA256 = re.compile(r"[0-9a-f]{64}")
TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
SCOPE = re.compile(r"[A-Za-z0-9_.-]{1,160}")


class BlobDamaged(RgridError):
    """What is stored under a hash is not what was stored there. It was moved aside; uploading it again heals it."""

    code = "BLOB_DAMAGED"


class ArtifactStore(Protocol):
    """Blobs of an account by their SHA-256 (64 lower-case hex digits).

    `scope` says on whose behalf a URL is signed: an attempt (`exec_….1`) or the id of an API key. URLs serve one
    operation on one blob, for at most 15 minutes.
    """

    async def missing(self, account: str, blobs: Sequence[BlobRef]) -> list[BlobRef]:
        """Those of `blobs` that are not stored (completely), each once, in their order.

        The others were asked for by that, and stay for half a day at least even if nothing else needs them (`remove_stale`).
        """

    async def of_other_size(self, account: str, blobs: Sequence[BlobRef]) -> list[BlobRef]:
        """Those of `blobs` that are stored and have another size than they say."""

    def upload_url(self, account: str, sha256: str, size_bytes: int, scope: str) -> str:
        """A URL that takes exactly this content by PUT."""

    def bundle_url(self, account: str, size_bytes: int, scope: str) -> str:
        """A URL that takes bundles (services.artifacts.bundles) of at most `size_bytes` by POST."""

    async def parts(self, account: str, blobs: Sequence[BlobRef], scope: str) -> dict[str, PartsGiven]:
        """Where the parts of these missing blobs go, by hash; empty when this store takes blobs whole. Raises Unavailable."""

    def pick_url(self, account: str, digest: str, scope: str) -> str:
        """A URL that gives many small blobs by POST; `digest` is that of their list (services.artifacts.picks)."""

    async def small(self, account: str, hashes: Sequence[str], bytes_max: int) -> list[bytes | None]:
        """The verified content of each; None for one that is not there, damaged, or has more than `bytes_max`."""

    def download_url(self, account: str, sha256: str, scope: str) -> str:
        """A URL that gives this content by GET, also in ranges."""

    def open(self, account: str, sha256: str) -> AsyncIterator[bytes]:
        """The content in pieces. Raises NotFound, and BlobDamaged before the last piece when the hash is wrong."""

    async def size(self, account: str, sha256: str) -> int:
        """Bytes of the content; raises NotFound."""

    async def delete(self, account: str, sha256: str) -> None:
        """Remove it; nothing happens when it is not there."""

    def stale(self, seconds: float) -> AsyncIterator[tuple[str, list[str]]]:
        """(account, some SHA-256) of the blobs that nobody put or asked for in the last `seconds`."""

    async def remove_stale(self, account: str, sha256: str, seconds: float) -> int | None:
        """Remove it unless somebody put it or asked for it in the last `seconds`: whoever does so meanwhile either keeps it or
        hears that it is missing. Its bytes in the store; None when it stays, or is not there."""

    async def sweep_parts(self) -> int:
        """Remove what uploads left that nobody went on with for a day, and the damaged blobs that were set aside
        DAMAGED_SECONDS ago; returns how many."""

    def close(self) -> None:
        """Let its threads go."""


def checked_sha256(text: str) -> str:
    """`text` itself if it is the hex form of a SHA-256; raises Invalid otherwise."""
    if not SHA256.fullmatch(text):
        raise Invalid("A blob is named by its SHA-256: 64 lower-case hex digits.", details={"sha256": text[:80]})
    return text


def checked_account(text: str) -> str:
    """`text` itself if it can be the id of an account; raises Invalid otherwise."""
    if not TOKEN.fullmatch(text):
        raise Invalid("That is not the id of an account.", details={"account": text[:80]})
    return text


def checked_scope(text: str) -> str:
    """`text` itself if it can be the scope of a URL; raises Invalid otherwise."""
    if not SCOPE.fullmatch(text):
        raise Invalid("That is not the scope of a signed URL.", details={"scope": text[:80]})
    return text
