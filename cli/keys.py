"""`rgrid keys`: the API keys of the account."""

from __future__ import annotations

import click

from .options import api, common, emit, example
from .terminal.formats import clock
from .terminal.screen import detail, following, show, state
from .terminal.table import table
from .wire.transport import segment


@click.group(epilog=example("rgrid keys ls", "rgrid keys create --label ci", "rgrid keys revoke ID"))
def command() -> None:
    """List, create and revoke API keys."""


@command.command(epilog=example("rgrid keys ls"))
@common
def ls(api_url: str, as_json: bool) -> int:
    """List the keys; secrets are never shown again."""
    items = api(api_url).get("/keys")["items"]
    if as_json:
        for item in items:
            emit(item)
        return 0
    rows = [
        [
            item.get("id") or item.get("key_id"),
            item.get("label") or "-",
            clock(item.get("issued_at") or item.get("created_at")),
            f"revoked {clock(item['revoked_at'])}" if item.get("revoked_at") else "good",
        ]
        for item in items
    ]
    table(("KEY", "LABEL", "CREATED", "STATE"), rows)
    following("rgrid keys create --label NAME")
    return 0


@command.command(epilog=example("rgrid keys create --label ci"))
@click.option("--label", default="", metavar="TEXT", help="What it is for.")
@common
def create(label: str, api_url: str, as_json: bool) -> int:
    """Create a key and print it, once."""
    answer = api(api_url).post("/keys", {"label": label})
    if as_json:
        emit(answer)
        return 0
    key = answer.get("key") or answer.get("api_key") or answer.get("secret")
    state("good", "created", str(answer.get("id") or answer.get("key_id") or ""))
    show(str(key))
    detail("keep it", "it is shown only this once")
    following("export RGRID_API_KEY=rgk_…")
    return 0


@command.command(epilog=example("rgrid keys revoke key_7f3k2m"))
@click.argument("key", metavar="ID")
@common
def revoke(key: str, api_url: str, as_json: bool) -> int:
    """Revoke a key: whoever uses it is refused within seconds."""
    answer = api(api_url).delete(f"/keys/{segment(key)}")
    if as_json:
        emit({"id": key, "revoked": True, **answer})
        return 0
    state("good", "revoked", key)
    following("rgrid keys ls")
    return 0
