"""The URL of a NATS server as people write it, with or without a user and password in it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit


@dataclass(frozen=True, slots=True)
class Login:
    """`url` without credentials, so that it can be printed."""

    url: str
    user: str
    password: str


def login_of(url: str, user: str = "", password: str = "") -> Login:
    """What `url` says (percent-encoded there); `user` and `password` given beside it win."""
    where = urlsplit(url.split(",")[0].strip())
    plain = where._replace(netloc=where.netloc.rpartition("@")[2]).geturl()
    if user:
        return Login(plain, user, password)
    return Login(plain, unquote(where.username or ""), unquote(where.password or ""))
