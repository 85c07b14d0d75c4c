"""Signed URLs of the blob door: who holds one may do one thing with one blob for a few minutes, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from domain.errors import Forbidden, Invalid
from services.artifacts.store import checked_account, checked_scope, checked_sha256

SECONDS_MAX = 15 * 60
KEY_BYTES_MIN = 16
SIZED = ("put", "bundle", "finish")
BUNDLE = "bundle"
"""Stands for the SHA-256 in the URL of a bundle, whose blobs name their own."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a signed URL allows: `op` (get or put) on one blob of one account; `size_bytes` is 0 for op get.

    With op bundle: to bring bundles of at most `size_bytes` each, of whatever blobs; `sha256` is BUNDLE then. That overwrites
    nothing, since a blob is stored under the hash that it has. With op finish: to say that all parts of the blob are there.
    With op pick: to have the small blobs of a list, whose SHA-256 is `sha256`.
    """

    op: str
    account: str
    sha256: str
    size_bytes: int
    scope: str


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs grants with HMAC-SHA256 under `key`. `base_url` is what clients reach the gateway by, without a path."""

    key: bytes
    base_url: str
    seconds: int = SECONDS_MAX
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        if len(self.key) < KEY_BYTES_MIN:
            raise ValueError(f"the key that signs URLs has at least {KEY_BYTES_MIN} bytes")
        if not 0 < self.seconds <= SECONDS_MAX:
            raise ValueError(f"a signed URL lives for 1 to {SECONDS_MAX} seconds")

    def url(self, grant: Grant) -> str:
        """The URL for `grant`, good from now on for `seconds`."""
        _check(grant)
        expires = int(self.now()) + self.seconds
        query = {"op": grant.op, "exp": expires, "scope": grant.scope}
        if grant.op in SIZED:
            query["size"] = grant.size_bytes
        query["sig"] = self._signature(grant, expires)
        return f"{self.base_url.rstrip('/')}/blobs/{grant.account}/{grant.sha256}?{urlencode(query)}"

    def verified(self, account: str, sha256: str, query: bytes) -> Grant:
        """The grant of a URL that this key signed. Raises Invalid, or Forbidden (SIGNATURE_INVALID, URL_EXPIRED)."""
        fields = _fields(query)
        grant = Grant(fields["op"], account, sha256, int(fields.get("size", "0")), fields["scope"])
        _check(grant)
        expires = int(fields["exp"])
        if not hmac.compare_digest(self._signature(grant, expires), fields["sig"]):
            raise Forbidden("The signature of this URL is not ours.", code="SIGNATURE_INVALID")
        if self.now() >= expires:
            raise Forbidden("This URL has expired. Ask for a new one.", code="URL_EXPIRED")
        return grant

    def _signature(self, grant: Grant, expires: int) -> str:
        parts = (grant.op, grant.account, grant.sha256, str(grant.size_bytes), grant.scope, str(expires))
        return hmac.new(self.key, "\n".join(parts).encode(), hashlib.sha256).hexdigest()


def _check(grant: Grant) -> None:
    checked_account(grant.account)
    if grant.op != BUNDLE or grant.sha256 != BUNDLE:
        checked_sha256(grant.sha256)
    checked_scope(grant.scope)
    if grant.op not in ("get", "pick", *SIZED) or grant.size_bytes < 0:
        raise Invalid("A blob URL is for op=get, put, bundle, finish or pick.", details={"op": grant.op[:20]})


def _fields(query: bytes) -> dict[str, str]:
    """The query as a dict. Each field once, digits where numbers belong, so that nothing can be read in two ways."""
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=10)
    fields = dict(pairs)
    if len(fields) != len(pairs) or not {"op", "exp", "scope", "sig"} <= fields.keys():
        raise Forbidden("This URL is not signed.", code="SIGNATURE_INVALID")
    numbers = (fields["exp"], fields.get("size", "0"))
    if not all(number.isascii() and number.isdigit() and len(number) < 20 for number in numbers):
        raise Forbidden("This URL is not signed.", code="SIGNATURE_INVALID")
    if not fields["sig"].isascii():
        raise Forbidden("The signature of this URL is not ours.", code="SIGNATURE_INVALID")
    return fields
