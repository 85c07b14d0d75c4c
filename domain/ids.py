"""Identifiers: a prefix that says what it is, then Crockford base32 (no i, l, o, u)."""

from __future__ import annotations

import hashlib
import re

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
ID_CHARS = 12
"""60 bits: among a million executions of one account a collision has the odds of 1 in 2 million."""
TOKEN = re.compile(r"^[A-Za-z0-9_-]{1,64}\Z")
"""What may stand between two dots of a subject."""


def id_from(prefix: str, *parts: str) -> str:
    """The id that belongs to `parts`, always the same one: `id_from("exec", account, idempotency_key)`."""
    digest = hashlib.sha256("\x00".join(parts).encode()).digest()
    return f"{prefix}_{_base32(int.from_bytes(digest[:8], 'big') >> 4)}"


def id_of(prefix: str, bits: int) -> str:
    """An id out of 60 random bits, which the caller draws (the domain draws nothing)."""
    return f"{prefix}_{_base32(bits & ((1 << 60) - 1))}"


def _base32(number: int) -> str:
    return "".join(ALPHABET[(number >> shift) & 31] for shift in range((ID_CHARS - 1) * 5, -1, -5))
