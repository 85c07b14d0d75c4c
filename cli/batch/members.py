"""The members of a batch as tables: how each stands, and what each wrote."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from ..options import emit
from ..terminal.formats import count, duration, money, size
from ..terminal.outcome import WORDS
from ..terminal.screen import clean, detail, following, tell
from ..terminal.table import table
from ..wire.transport import Api, segment

PAGE = 200
REFUSED_SHOWN = 20
"""Members whose refused outputs are told of; `--json` and the index of the results have all."""


def members(api: Api, batch: str, status: str | None = None) -> Iterator[dict[str, Any]]:
    """All members in their order, those of one status only; a page is asked for when it is needed."""
    cursor = None
    while True:
        page = api.get(f"/batches/{segment(batch)}/members", status=status, limit=PAGE, cursor=cursor)
        yield from page["items"]
        cursor = page.get("next_cursor")
        if not cursor:
            return


def show_members(api: Api, doc: dict[str, Any], status: str | None, limit: int, as_json: bool) -> None:
    """At most `limit` members: a table, or an object a line."""
    found = islice(members(api, doc["id"], status), limit)
    if as_json:
        for item in found:
            emit(item)
        return
    items = list(found)
    if not items:
        tell(f"No member is {WORDS.get(status, status)}." if status else "Its members are being written.")
        following(f"rgrid batch {doc['id']}")
        return
    table(
        ("MEMBER", "STATUS", "EXIT", "TOOK", "COST", "ID", "LAST ERROR"),
        [row(item) for item in items],
        right=frozenset({2, 3, 4}),
        whole=frozenset({5}),
    )
    left = int(doc.get("count") or 0) - len(items)
    more = f"      more: rgrid batch {doc['id']} --members -n {limit * 5}" if left and len(items) == limit else ""
    following(f"rgrid logs {items[0]['id']}{more}")


def row(item: dict[str, Any]) -> list[str]:
    """A line of the table."""
    status, code, took = str(item.get("status")), item.get("exit_code"), item.get("duration_ms")
    return [
        str(item.get("member")),
        WORDS.get(status, status),
        "-" if code is None else str(code),
        duration(took / 1000 if took is not None else None),
        money(item.get("cost_micros")),
        str(item["id"]),
        str(item.get("error_line") or "-"),
    ]


def show_outputs(api: Api, doc: dict[str, Any], as_json: bool) -> None:
    """What each member wrote: a line a member; with JSON an object a file."""
    if as_json:
        for item in files(api, doc["id"]):
            emit(item)
        return
    wrote = [item for item in members(api, doc["id"]) if (found := item.get("outputs")) and any(found.values())]
    rows = [
        [str(item["outputs"]["count"]), size(item["outputs"].get("size_bytes")), item["member"], item["id"]]
        for item in wrote
        if item["outputs"]["count"]
    ]
    for item in [each for each in wrote if each["outputs"].get("refused")][:REFUSED_SHOWN]:
        number = count(item["outputs"]["refused"], "output")
        detail("refused", f"{number} of {clean(item['member'])} · which: rgrid outputs {item['id']}")
    if not rows:
        tell(f"No member of {doc['id']} wrote a file{'' if doc.get('finished_at') else ' so far'}.")
        following(f"rgrid batch {doc['id']}")
        return
    table(("FILES", "SIZE", "MEMBER", "ID"), rows, right=frozenset({0, 1}), whole=frozenset({3}))
    following(f"rgrid download {doc['id']}")


def files(api: Api, batch: str) -> Iterator[dict[str, Any]]:
    """Every file of every member that has ended, in the order of the ends."""
    from ..wire.download import outputs

    after = 0
    while True:
        page = api.get(f"/batches/{segment(batch)}/results", after=after, limit=PAGE)
        if not page["items"]:
            return
        for item in page["items"]:
            listed = (item.get("outputs") or {}).get("entries")
            for each in outputs(api, item["id"]) if listed is None else listed:
                told = {name: each[name] for name in ("path", "size_bytes", "sha256", "mode")}
                yield {"member": item["member"], "execution": item["id"], **told}
        after = int(page["next_after"])
