"""Idempotency-Key: a request that may be sent again, since its effect happens once. Every POST that appends takes one.

The key becomes the id of the command, and the log knows the commands it has: a repeat appends nothing and is answered with
how things are now. Without a key each request is one of its own.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Annotated

from fastapi import Header

from domain.ids import id_from

IDEMPOTENCY_KEY = r"^[\x21-\x7e]{1,200}$"
IdempotencyKey = Annotated[
    str | None,
    Header(pattern=IDEMPOTENCY_KEY, description="The same request with the same key happens once."),
]


def key_or_random(given: str | None) -> str:
    return given or secrets.token_hex(16)


def command_id(verb: str, given: str | None, *about: str) -> str:
    """The id of the command that this request is, the same for every repeat of it."""
    return id_from("cmd", verb, *about, key_or_random(given))


def secret_bytes(server_key: str, count: int, *about: str) -> bytes:
    """Bytes that only who holds `server_key` (hex) can tell, the same for the same `about`; at most 32."""
    return hmac.new(bytes.fromhex(server_key), "\x00".join(about).encode(), hashlib.sha256).digest()[:count]
