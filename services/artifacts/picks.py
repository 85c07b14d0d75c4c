"""Giving many small blobs in one answer, in the form of a bundle: each read whole and verified before it is sent.

The body of the request lists their hashes, a line each; the URL is signed for just this list. A blob that is not there, damaged
or too large has LACKING for its length and no content: whoever wants it asks for it alone and hears why.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence

from domain.errors import Forbidden, Invalid
from services.artifacts.bodies import ClientGone, Receive
from services.artifacts.bundling import BLOB_BYTES_MAX, BLOBS_MAX, HEAD, head
from services.artifacts.signing import Grant
from services.artifacts.store import ArtifactStore, checked_sha256

LACKING = 2**64 - 1
LIST_BYTES_MAX = BLOBS_MAX * 65
AT_ONCE = 32


def list_of(hashes: Sequence[str]) -> bytes:
    """The body of a request for them."""
    return "\n".join(hashes).encode()


def digest_of(hashes: Sequence[str]) -> str:
    """What stands for the hash in the URL."""
    return hashlib.sha256(list_of(hashes)).hexdigest()


async def asked_for(grant: Grant, receive: Receive) -> list[str]:
    """The hashes in the body. Raises Invalid, Forbidden (another list than was signed), ClientGone."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        body += message.get("body", b"")
        if len(body) > LIST_BYTES_MAX:
            raise Invalid(f"At most {BLOBS_MAX} blobs a request.", code="BLOB_TOO_LARGE")
        if not message.get("more_body"):
            break
    if hashlib.sha256(body).hexdigest() != grant.sha256:
        raise Forbidden("This URL is signed for another list of blobs.", code="SIGNATURE_INVALID")
    return [checked_sha256(line) for line in body.decode("ascii", "replace").split("\n")]


async def given(store: ArtifactStore, account: str, hashes: Sequence[str]) -> AsyncIterator[bytes]:
    """The answer, in pieces of at most AT_ONCE blobs."""
    for at in range(0, len(hashes), AT_ONCE):
        some = hashes[at : at + AT_ONCE]
        found = await store.small(account, some, BLOB_BYTES_MAX)
        yield b"".join(_framed(sha256, content) for sha256, content in zip(some, found, strict=True))


def _framed(sha256: str, content: bytes | None) -> bytes:
    return HEAD.pack(bytes.fromhex(sha256), LACKING) if content is None else head(sha256, len(content)) + content
