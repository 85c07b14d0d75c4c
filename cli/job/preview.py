"""`--estimate-cost`, `--dry-run`: the plan of a run or a batch, and nothing else happens."""

from __future__ import annotations

from typing import Any

from ..errors import CliError
from ..options import emit
from ..terminal.formats import count, duration, memory, size
from ..terminal.screen import clean, detail, show, warn
from ..wire.blob import Blob
from ..wire.grid import find
from ..wire.transport import Api
from .estimate import basis_words, built_words, cost_words, estimated, span, time_words
from .packages import Packages

LANGUAGES = {"python": "the standard library alone", "node": "no packages", "sh": "the programs of the node"}


def previewed(
    body: dict[str, Any],
    blobs: list[Blob],
    runs: list[str],
    packages: Packages,
    api_url: str,
    *,
    as_json: bool,
    priced: bool,
) -> int:
    """Print the plan; the exit code. `body` is what would be submitted, `runs` what each would be called.

    Without a grid there is neither price nor time: said, and an error when they were asked for (`priced`).
    """
    problem: CliError | None = None
    try:
        estimate = estimated(Api(find(api_url)), body, len(runs), blobs)
    except CliError as away:
        if away.code not in ("NO_GRID", "UNREACHABLE"):
            raise
        estimate, problem = {}, away
    plan = planned(body, blobs, runs)
    if as_json:
        emit({"plan": plan, "estimate": estimate or None})
    else:
        for word, text in [*lines(plan, estimate, packages), *packages.lines]:
            if text:
                show(f"{word:<11} {clean(text)}")
    if problem is not None:
        if priced:
            raise CliError(
                f"{problem.message} Without one there is no time and no price.",
                "Start one: rgrid up -d",
                code=problem.code,
            )
        warn(f"{problem.message} What is stored, time and cost are known to a grid only: rgrid up -d")
    if not as_json:
        detail("done", "nothing was uploaded, nothing was started")
    return 0


def planned(body: dict[str, Any], blobs: list[Blob], runs: list[str]) -> dict[str, Any]:
    """What would be submitted, as JSON."""
    distinct = {blob.sha256: blob.size_bytes for blob in blobs}
    kept: tuple[str, ...] = (
        "runtime",
        "limits",
        "network",
        "retries",
        "priority",
        "parallel",
        "failures_max",
        "memoize",
        "name",
    )
    kept += ("environment", "interpreter", "image", "cold")
    return {
        "script": body["script"],
        "runs": len(runs),
        "members": runs[:100],
        "files": {"count": len(blobs), "distinct": len(distinct), "size_bytes": sum(distinct.values())},
        **{name: body[name] for name in (*kept, "project", "tags") if name in body},
    }


def lines(plan: dict[str, Any], estimate: dict[str, Any], packages: Packages) -> list[tuple[str, str]]:
    """The plan for eyes, a word and a text each."""
    limits = {"cpu_millis": 1000, "timeout_seconds": 3600, **(plan.get("limits") or {})}
    room = [f"{limits['cpu_millis'] / 1000:g} cores" if limits["cpu_millis"] != 1000 else "1 core"]
    room += [memory(limits["memory_bytes"])] if limits.get("memory_bytes") else []
    shown = ", ".join(plan["members"][:3]) + (", …" if plan["runs"] > 3 else "")
    network = "it reaches the network" if plan.get("network") else "no network"
    return [
        ("script", f"{plan['script']['path']} ({size(plan['script']['size_bytes'])}) · {plan['runtime']}"),
        ("runs", count(plan["runs"], "run") + (f" · {shown}" if plan["members"][0] else "")),
        ("files", files_words(plan["files"], estimate)),
        (
            "environment",
            f"{plan['runtime']}{plan.get('interpreter', '')}, {packages_words(plan, packages, estimate)} · {network}",
        ),
        ("each", " · ".join([*room, f"at most {duration(limits['timeout_seconds'])}", *again(plan)])),
        ("nodes", nodes_words(plan, estimate)),
        ("time", time_of(plan, estimate)),
        ("basis", basis_words(estimate)),
        ("cost", cost_words(estimate) if estimate else ""),
        ("prices", f"of {estimate['price_version']}" if estimate.get("price_version") else ""),
    ]


def packages_words(plan: dict[str, Any], packages: Packages, estimate: dict[str, Any]) -> str:
    """`6 packages from requirements.txt, built before`, or what there is without any."""
    if not packages.count:
        return LANGUAGES.get(plan["runtime"], "")
    built = built_words(estimate)
    return f"{packages.words}, {built}" if built else packages.words


def again(plan: dict[str, Any]) -> list[str]:
    retries = int(plan.get("retries") or 0)
    return [f"{retries} {'retry' if retries == 1 else 'retries'}"] if retries else []


def files_words(files: dict[str, Any], estimate: dict[str, Any]) -> str:
    """`2,001 files, 34 MB · 1,988 are stored already, 13 to upload (1.2 MB)`"""
    text = f"{count(files['count'], 'file')}, {size(files['size_bytes'])}"
    if files["distinct"] != files["count"]:
        text += f" · {files['distinct']:,} different ones"
    if not estimate:
        return text
    stored = estimate["stored"]
    missing, missing_bytes = files["distinct"] - stored["blobs"], files["size_bytes"] - stored["size_bytes"]
    if not missing:
        return f"{text} · all stored already, nothing to upload"
    known = f"{stored['blobs']:,} stored already, " if stored["blobs"] else ""
    return f"{text} · {known}{missing:,} to upload ({size(missing_bytes)})"


def nodes_words(plan: dict[str, Any], estimate: dict[str, Any]) -> str:
    """`local · 2 at a time`; what bounds it when the batch does."""
    if not estimate:
        return ""
    types = ", ".join(str(each) for each in estimate.get("node_types") or []) or "none yet"
    slots = estimate.get("slots")
    bound = f" (--parallel {plan['parallel']})" if plan.get("parallel") else ""
    return f"{types} · {slots:,} at a time{bound}" if slots else f"{types} · none of them has room for it{bound}"


def time_of(plan: dict[str, Any], estimate: dict[str, Any]) -> str:
    """`0.40 s – 1.20 s each · all of it 3m 10s – 10m 02s`"""
    each = estimate.get("seconds_each")
    if not each:
        return ""
    one = span(each.get("low"), each.get("high"), duration)
    return one if plan["runs"] == 1 else f"{one} each · all of it {time_words(estimate)}"
