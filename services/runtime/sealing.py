"""Seals the values of secrets: AES-256-GCM with a key that only the control plane has, bound to account, name and version.

A value that is put in another one's place does not open there. Whoever holds only NATS, its files or a backup of them has
nothing.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass

from domain.errors import Unavailable, WrongState
from services.runtime.settings import Settings

NONCE_BYTES = 12
KEY_ID_CHARS = 8


class Unreadable(Unavailable):
    """The value cannot be opened: its key is not among ours, or it is not what was sealed."""

    code = "SECRET_UNREADABLE"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A value as NATS keeps it. `key` names the key that sealed it; `data` is the nonce and what AES-GCM made, base64."""

    version: int
    key: str
    data: str


class Sealer:
    """The keys of `settings`: the first seals, all of them open."""

    def __init__(self, settings: Settings) -> None:
        texts = (settings.secrets_key, *settings.secrets_keys_old) if settings.secrets_key else ()
        keys = [bytes.fromhex(text) for text in texts]
        self._keys = {hashlib.sha256(b"rgrid secrets " + key).hexdigest()[:KEY_ID_CHARS]: key for key in keys}
        self.key = next(iter(self._keys), "")
        """The name of the key that seals now."""

    def seal(self, account: str, name: str, version: int, value: bytes) -> Sealed:
        """Raises WrongState (SECRETS_OFF) where there is no key."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self.check()
        nonce = os.urandom(NONCE_BYTES)
        data = nonce + AESGCM(self._keys[self.key]).encrypt(nonce, value, _about(account, name, version))
        return Sealed(version, self.key, base64.b64encode(data).decode())

    def open(self, account: str, name: str, sealed: Sealed) -> bytes:
        """The value; raises Unreadable."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._keys.get(sealed.key)
        if key is None:
            raise Unreadable(f"The secret {name} was sealed with another key than RGRID_SECRETS_KEY.")
        try:
            data = base64.b64decode(sealed.data, validate=True)
            return AESGCM(key).decrypt(data[:NONCE_BYTES], data[NONCE_BYTES:], _about(account, name, sealed.version))
        except (InvalidTag, ValueError):
            raise Unreadable(f"The stored value of the secret {name} is damaged.") from None

    def check(self) -> None:
        """Raises WrongState (SECRETS_OFF) where there is no key."""
        if not self._keys:
            message = "This grid keeps no secrets: whoever runs it must set RGRID_SECRETS_KEY (64 hex digits)."
            raise WrongState(message, code="SECRETS_OFF")


def _about(account: str, name: str, version: int) -> bytes:
    return f"{account}\x00{name}\x00{version}".encode()
