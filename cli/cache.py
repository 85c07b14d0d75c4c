"""`rgrid cache`: the packages that were built for scripts, and how to be rid of them."""

from __future__ import annotations

from typing import Any

import click

from .bulk.environments import ID_CHARS, pages, thrown
from .errors import UsageProblem
from .options import DRY_RUN, api, common, emit, example
from .projects import days_of
from .terminal.formats import brief, count, duration, size
from .terminal.screen import clean, following, tell, typed
from .terminal.table import table

UNUSED = "30d"
SCRIPT = click.option("--script", metavar="PATH", help="Only what this script needed.")
EXAMPLES = ("rgrid cache", "rgrid cache prune --unused 30d", "rgrid cache invalidate env_0123abcd")


@click.group(invoke_without_command=True, epilog=example(*EXAMPLES))
@common
@click.pass_context
def command(ctx: click.Context, api_url: str, as_json: bool) -> int:
    """List the packages that were built for scripts; throw them away, so that they are built anew."""
    return int(ctx.invoke(ls, api_url=api_url, as_json=as_json)) if ctx.invoked_subcommand is None else 0


@command.command(epilog=example("rgrid cache ls", "rgrid cache ls --script train.py --json"))
@SCRIPT
@click.option("--all", "gone", is_flag=True, help="Also what was thrown away.")
@common
def ls(script: str | None = None, gone: bool = False, api_url: str = "", as_json: bool = False) -> int:
    """List what was built: of how many packages, how large, where it is, who used it last."""
    wire = api(api_url)
    query = {"script": plain(script), "gone": "true" if gone else None}
    items = list(pages(wire, query))
    if as_json:
        for item in items:
            emit(item)
        return 0
    if not items:
        tell("No built packages are kept." if not script else f"{clean(script)} has needed none lately.")
        following(
            f"rgrid deps show {typed(script)}" if script else f"rgrid {'deps --help' if gone else 'cache ls --all'}"
        )
        return 0
    head = ("ID", "FOR", "PACKAGES", "SIZE", "BUILT IN", "WHERE", "USED", "BY", "FROM")
    table(head, [row(item) for item in items], right=frozenset({2, 3, 4}), whole=frozenset({0}))
    totals = wire.get("/environments", limit=1, **query)["totals"]
    packed = f", {size(totals['archive_bytes'])} packed in the store" if totals["archive_bytes"] else ""
    tell(f"{count(totals['count'], 'environment')} · {size(totals['size_bytes'])} on the nodes{packed}")
    following("rgrid cache prune --unused 30d")
    return 0


@command.command(epilog=example("rgrid cache prune --unused 30d", "rgrid cache prune --unused 1w --dry-run"))
@click.option(
    "--unused",
    default=UNUSED,
    show_default=True,
    metavar="TIME",
    help="Not used for so long: 1d, 4w, 1y.",
)
@DRY_RUN
@common
def prune(unused: str, dry_run: bool, api_url: str, as_json: bool) -> int:
    """Throw away what nobody used for long, to spare room. After 30 days it goes by itself."""
    return thrown(api(api_url), "prune", {"unused_days": unused_days(unused)}, dry_run=dry_run, as_json=as_json)


@command.command(
    epilog=example("rgrid cache invalidate env_0123abcd", "rgrid cache invalidate --script train.py --dry-run")
)
@click.argument("ids", nargs=-1, metavar="[ID]...")
@SCRIPT
@click.option("--all", "everything", is_flag=True, help="All of them.")
@DRY_RUN
@common
def invalidate(
    ids: tuple[str, ...], script: str | None, everything: bool, dry_run: bool, api_url: str, as_json: bool
) -> int:
    """Trust what was built no more: the next run builds it anew. What runs in it now goes on undisturbed."""
    if bool(ids) + bool(script) + everything != 1:
        raise UsageProblem("Say which: IDs, or --script PATH, or --all.", "rgrid cache ls")
    body: dict[str, Any] = {"ids": list(ids)} if ids else {"script": plain(script)} if script else {"all": True}
    return thrown(api(api_url), "invalidate", body, dry_run=dry_run, as_json=as_json)


def row(item: dict[str, Any]) -> list[str]:
    """One line of the list."""
    parts = str(item.get("target")).split("-")
    image = " in an image" if "-image-" in str(item.get("target")) else ""
    gone = "" if item.get("status") == "good" else f" ({item.get('status')})"
    return [
        str(item["id"])[:ID_CHARS] + gone,
        f"{item.get('kind')} {parts[1] if len(parts) > 1 else ''}{image}",
        f"{item.get('packages', 0):,}",
        size(item.get("size_bytes")),
        duration((item.get("build_ms") or 0) / 1000),
        ", ".join(item.get("nodes") or []) or "no node",
        brief(item.get("used_at")),
        str(item.get("script") or "-"),
        str(item.get("source") or "-"),
    ]


def unused_days(text: str) -> int:
    """`30d`, `4w`, `1y` as days; raises UsageProblem."""
    found = days_of(text)
    if not found:
        said = f"--unused {clean(text)!r} is no number of days, weeks or years; a day is the least."
        raise UsageProblem(
            said, "For example: rgrid cache prune --unused 7d      All of it: rgrid cache invalidate --all"
        )
    return found


def plain(script: str | None) -> str | None:
    """A path as executions know it."""
    return script.removeprefix("./") if script else None
