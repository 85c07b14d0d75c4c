"""API keys: `rgk_<id>_<secret><crc>`. The id finds the key, the secret proves it, the crc tells a typo from a stranger.

The secret has 160 random bits; only its SHA-256 is stored, and that is enough for a secret nobody can guess.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib

from domain.errors import Unauthenticated
from domain.ids import ALPHABET

ID_BYTES = 5
SECRET_BYTES = 20
RANDOM_BYTES = ID_BYTES + SECRET_BYTES
CRC_CHARS = 7
SHAPE = re.compile(rf"rgk_([{ALPHABET}]{{8}})_([{ALPHABET}]{{32}})([{ALPHABET}]{{{CRC_CHARS}}})")


def make_key(random: bytes) -> tuple[str, str, str]:
    """(key id, the key as it is shown once, SHA-256 of its secret in hex) out of RANDOM_BYTES random bytes."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"A key is made of {RANDOM_BYTES} random bytes.")
    key_id, secret = _base32(random[:ID_BYTES]), _base32(random[ID_BYTES:])
    return key_id, f"rgk_{key_id}_{secret}{_crc(key_id, secret)}", secret_sha256(secret)


def parse(plaintext: str) -> tuple[str, str]:
    """(key id, secret) of a key as the person gave it. Raises Unauthenticated, naming what is wrong with its form."""
    match = SHAPE.fullmatch(plaintext.strip())
    if match is None:
        raise Unauthenticated("This is not an rgrid key: those look like rgk_<id>_<secret>.")
    key_id, secret, crc = match.groups()
    if not hmac.compare_digest(crc, _crc(key_id, secret)):
        raise Unauthenticated("The key has a typing error: its checksum does not fit.", details={"key_id": key_id})
    return key_id, secret


def verify(secret: str, sha256_hex: str) -> bool:
    """Whether `secret` is the one whose hash was stored; takes the same time for every wrong one."""
    return hmac.compare_digest(secret_sha256(secret), sha256_hex)


def secret_sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _crc(key_id: str, secret: str) -> str:
    return _base32(zlib.crc32(f"{key_id}_{secret}".encode()).to_bytes(4, "big"))


def _base32(data: bytes) -> str:
    chars = -(-len(data) * 8 // 5)
    number = int.from_bytes(data, "big")
    return "".join(ALPHABET[(number >> (5 * place)) & 31] for place in range(chars - 1, -1, -1))
