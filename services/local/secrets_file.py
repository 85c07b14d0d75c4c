"""What is generated once per home and never leaves it: passwords of NATS users, the key that signs URLs, the key that seals
secrets, the first API key."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass, fields, replace

from services.local.home import Home, read_json, write_json
from services.runtime.keys import RANDOM_BYTES, make_key


@dataclass(frozen=True, slots=True)
class Secrets:
    """All are plain text; the file is 0600 in a 0700 folder."""

    nats_control: str
    nats_node: str
    url_key: str
    """Hex; signs blob URLs that live 15 minutes at most, so a new one breaks nothing for long."""
    secrets_key: str
    """Hex; seals the values of secrets. It is the one thing here that cannot be made anew: without it they are lost."""
    api_key: str


def load_secrets(home: Home) -> tuple[Secrets, str]:
    """The secrets of `home`, made when missing, and what was mended, in words.

    A damaged file is set aside and made anew: but for the key of the secrets nothing in it protects stored data, each only
    has to be the same in every process of one run. A file of a time before there were secrets gets its key.
    """
    found = read_json(home.secrets)
    old = found is not None and "secrets_key" not in found
    if found and old:
        found["secrets_key"] = secrets.token_hex(32)
    names = [each.name for each in fields(Secrets)]
    if found and all(isinstance(found.get(name), str) and found[name] for name in names):
        known = Secrets(**{name: found[name] for name in names})
        return (save(home, known) if old else known), ""
    note = ""
    if home.secrets.exists():
        aside = home.secrets.with_name("secrets.json.broken")
        home.secrets.replace(aside)
        note = f"secrets.json was damaged: it is now {aside}, new secrets were generated and a new key issued."
        note += " The values of secrets cannot be read without the old file: set them again."
    made = Secrets(_password(), _password(), secrets.token_hex(32), secrets.token_hex(32), new_key())
    return save(home, made), note


def renew_key(home: Home, known: Secrets) -> Secrets:
    """The same secrets with another API key: the grid does not accept the one we had."""
    return save(home, replace(known, api_key=new_key()))


def save(home: Home, known: Secrets) -> Secrets:
    write_json(home.secrets, asdict(known))
    return known


def new_key() -> str:
    return make_key(secrets.token_bytes(RANDOM_BYTES))[1]


def _password() -> str:
    return secrets.token_urlsafe(32)
