"""`rgrid cost`: what one execution, a batch, or a span of time cost; to the micro-euro, with totals that add up."""

from __future__ import annotations

from typing import Any

import click

from .batch.counts import ended_count
from .options import api, common, emit, example
from .terminal.formats import REFERENCE, clock, count, duration, money
from .terminal.outcome import cost_words
from .terminal.screen import clean, following, show, warn
from .terminal.table import table
from .terminal.times import since_words
from .terminal.typed import cost_by, optional_id
from .wire.transport import segment


@click.command(
    epilog=example(
        "rgrid cost --execution @last",
        "rgrid cost --batch @last",
        "rgrid cost --last 7d --by day",
        "rgrid cost --by tag:exp --project ml",
    )
)
@click.option("--execution", metavar="ID", callback=optional_id, help="Of this one, attempt by attempt.")
@click.option("--batch", metavar="ID", callback=optional_id, help="Of this batch, all its executions together.")
@click.option("--last", metavar="TIME", help="Of the last 7d, 24h …")
@click.option(
    "--by", metavar="WHAT", callback=cost_by, help="One line a day, project, script, tag (sets of tags) or tag:KEY."
)
@click.option("--tag", multiple=True, metavar="K=V", help="With this tag only. Repeatable.")
@click.option("--project", metavar="NAME", help="Of this project only.")
@common
def command(
    execution: str | None,
    batch: str | None,
    last: str | None,
    by: str | None,
    api_url: str,
    as_json: bool,
    **filters: Any,
) -> int:
    """Show costs: of one execution or batch, else the sum of all, or one line per day, tag, script or project."""
    wire = api(api_url)
    if batch:
        if execution or last or by or any(filters.values()):
            raise click.UsageError("--batch shows one batch; it goes with no other filter.")
        return whole(wire.get(f"/batches/{segment(batch)}"), as_json)
    if execution:
        if last or by or any(filters.values()):
            raise click.UsageError("--execution shows one execution; it goes with no other filter.")
        doc = wire.get(f"/executions/{segment(execution)}")
        bill = wire.get("/cost", execution=doc["id"])
        if as_json:
            emit({"execution": doc["id"], **bill})
        else:
            one(doc, bill)
        return 0
    if last:
        since_words(last)
    answer = wire.get("/cost", last=last, by=by, **filters)
    if as_json:
        emit(answer)
        return 0
    grouped(answer, by)
    following("rgrid ps" if by else "rgrid cost --last 7d --by day")
    return 0


def whole(doc: dict[str, Any], as_json: bool) -> int:
    """The bill of one batch, which is the sum of the bills of its executions."""
    cost, total, ended = doc.get("cost") or {}, int(doc.get("count") or 0), ended_count(doc)
    if as_json:
        emit({"batch": doc["id"], "executions": total, "ended": ended, "cost": cost, "usage": doc.get("usage")})
        return 0
    charged, ran = cost.get("charged_micros"), (doc.get("usage") or {}).get("run_ms")
    done = doc.get("finished_at")
    show(f"{'batch':<11} {doc['id']} · {ended:,} of {count(total, 'run')} ended")
    if charged is not None:
        each = f" · {money(round(charged / ended))} a run" if ended and charged else ""
        show(f"{'charged':<11} {money(charged)}{each}" + ("" if done else " so far"))
    if cost.get("equivalent_micros") and not charged:
        show(f"{f'on a {REFERENCE}':<11} {money(cost['equivalent_micros'])}")
    if cost.get("estimated_micros") is not None:
        show(f"{'estimated':<11} {money(cost['estimated_micros'])}")
    if ran is not None:
        show(f"{'ran':<11} {duration(ran / 1000)} in all")
    if doc.get("reused"):
        show(f"{'reused':<11} {count(doc['reused'], 'run')}, at no cost")
    if cost.get("price_version"):
        show(f"{'prices':<11} of {clean(cost['price_version'])}")
    following(f"rgrid ps --batch {doc['id']}")
    return 0


def one(doc: dict[str, Any], bill: dict[str, Any]) -> None:
    """The bill of one execution."""
    cost = {**(doc.get("cost") or {}), **(bill.get("cost") or {})}
    final = cost.get("final_micros") is not None
    show(f"{'execution':<11} {doc['id']}")
    if final:
        show(f"{'final':<11} {cost_words(cost)}")
    else:
        show(f"{'estimated':<11} {money(cost.get('estimated_micros'))}")
        show(f"{'running':<11} {money(cost.get('running_micros'))} so far")
    if cost.get("basis"):
        show(f"{'estimate':<11} {money(cost.get('estimated_micros'))} · {clean(cost['basis'])}")
    if cost.get("price_version"):
        show(f"{'prices':<11} of {clean(cost['price_version'])}")
    charges = bill.get("items") or []
    if charges:
        rows = [
            [
                f"{each.get('attempt')}",
                each.get("node_id", "-"),
                each.get("node_type", "-"),
                duration((each.get("held_us") or 0) / 1e6),
                money(each.get("charged_micros")),
                money(each.get("equivalent_micros")),
            ]
            for each in charges
        ]
        table(("ATTEMPT", "NODE", "TYPE", "HELD", "CHARGED", "ON A CX23"), rows, right=frozenset({3, 4, 5}))
    following(f"rgrid why {doc['id']}" if final else f"rgrid wait {doc['id']}")


def grouped(answer: dict[str, Any], by: str | None) -> None:
    """Lines and their total, which the grid adds up: also of lines that are too many to list."""
    items = answer.get("items") or []
    if answer.get("from"):
        show(f"since {clock(answer['from'])}")
    rows = [[each.get("group", ""), *numbers(each)] for each in items] if by else []
    rows.append([f"total ({count(len(items), 'line')})" if by else "total", *numbers(answer)])
    head = (title(by), "RUNS", "TIME", "CHARGED", "ON A CX23")
    table(head, rows, right=frozenset({1, 2, 3, 4}))
    if answer.get("complete") is False:
        warn(
            f"More than {count(len(items), 'line')}: the rest is in the total only. Narrow it: --last, --project, --tag"
        )


def title(by: str | None) -> str:
    """The head of the first column: `DAY`, `TAG exp`."""
    kind, _, key = (by or "").partition(":")
    return f"{kind.upper()} {key}".strip()


def numbers(each: dict[str, Any]) -> list[str]:
    held = duration((each.get("held_us") or 0) / 1e6)
    runs = f"{each.get('executions') or 0:,}"
    return [runs, held, money(each.get("charged_micros") or 0), money(each.get("equivalent_micros") or 0)]
