"""What is generated once per home and never leaves it: passwords of NATS users, the key that signs URLs, the first API key."""

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
    api_key: str


def load_secrets(home: Home) -> tuple[Secrets, str]:
    """The secrets of `home`, made when missing, and what was mended, in words.

    A damaged file is set aside and made anew: no secret in it protects stored data, each only has to be the same in
    every process of one run.
    """
    found = read_json(home.secrets)
    names = [each.name for each in fields(Secrets)]
    if found and all(isinstance(found.get(name), str) and found[name] for name in names):
        return Secrets(**{name: found[name] for name in names}), ""
    note = ""
    if home.secrets.exists():
        aside = home.secrets.with_name("secrets.json.broken")
        home.secrets.replace(aside)
        note = f"secrets.json was damaged: it is now {aside}, new secrets were generated and a new key issued."
    return save(home, Secrets(_password(), _password(), secrets.token_hex(32), new_key())), note


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
