"""`rgrid batch ID`: how far a batch is; live on a terminal, as it stands elsewhere."""

from __future__ import annotations

from typing import Any

import click

from .options import api, common, emit, example
from .terminal.formats import brief, money
from .terminal.screen import following, interactive, tell
from .terminal.table import table
from .terminal.typed import batch_id, state_name
from .wire.transport import Api, segment

LISTED = 20


@click.command(
    name="batch",
    epilog=example("rgrid batch batch_7f3k2m", "rgrid batch @last --members --status failed", "rgrid batch"),
)
@click.argument("batch", metavar="[ID]", required=False, callback=batch_id)
@click.option("--once", is_flag=True, help="As it stands now, also on a terminal.")
@click.option("--members", is_flag=True, help="List the members, in the order of the inputs.")
@click.option("--status", metavar="STATE", callback=state_name, help="With --members: only those.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many lines.")
@common
def command(
    batch: str | None, once: bool, members: bool, status: str | None, limit: int, api_url: str, as_json: bool
) -> int:
    """Show how far a batch is: counts, rate, time left, cost, and its failures by cause. Without an ID: list the batches.

    On a terminal it goes on until the batch has ended; Ctrl-C ends the looking, nothing else. It brings nothing home: that
    is `rgrid attach` or `rgrid download`.
    """
    wire = api(api_url)
    if batch is None:
        return listed(wire, limit, as_json)
    doc = wire.get(f"/batches/{segment(batch)}")
    if members or status:
        from .batch.members import show_members

        show_members(wire, doc, status, limit, as_json)
    elif as_json:
        emit(doc)
    elif once or not interactive() or doc.get("finished_at"):
        from .batch.look import tell as tell_batch

        tell_batch(wire, doc)
    else:
        watched(wire, doc)
    return 0


def watched(wire: Api, doc: dict[str, Any]) -> None:
    """The live display, to the end or to Ctrl-C."""
    from .batch.feed import Feed
    from .batch.following import Following
    from .batch.outage import Once, Outage
    from .wire.interrupt import Interrupts

    with Interrupts() as interrupts:
        following_it = Following(wire, Feed(Once(wire.grid), doc, Outage()), interrupts, None, reading=True)
        try:
            following_it.to_the_end(watch=True)
        finally:
            following_it.leave()


def listed(wire: Api, limit: int, as_json: bool) -> int:
    """The last batches, newest first."""
    from .batch.counts import ended_count, failed_count

    items = wire.get("/batches", limit=min(limit, 200))["items"]
    if as_json:
        for item in items:
            emit(item)
        return 0
    if not items:
        tell("No batch yet.")
        following('rgrid run SCRIPT --batch "inputs/*"')
        return 0
    rows = [
        [
            item["id"],
            str(item.get("status")),
            item.get("name") or "-",
            (item.get("script") or {}).get("path") or "-",
            f"{ended_count(item):,}/{int(item.get('count') or 0):,}",
            f"{failed_count(item):,}",
            brief(item.get("submitted_at")),
            money((item.get("cost") or {}).get("charged_micros")),
        ]
        for item in items
    ]
    head = ("ID", "STATUS", "NAME", "SCRIPT", "ENDED", "FAILED", "SUBMITTED", "COST")
    table(head, rows, right=frozenset({4, 5, 7}), whole=frozenset({0}))
    following(f"rgrid batch {items[0]['id']}")
    return 0
