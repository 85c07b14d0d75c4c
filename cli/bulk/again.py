"""Run again: the members of a batch that ended in one of some ways, with its script or a mended one; or a selection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import UsageProblem
from ..options import emit
from ..terminal.formats import count
from ..terminal.outcome import WORDS
from ..terminal.screen import clean, following, state, typed, warn
from ..wire.transport import Api, segment
from .posting import posted, tell_refused
from .selection import Selection

FLAGS = {"cancelled": "--cancelled", "succeeded": "--all"}


def retry_batch(
    wire: Api, batch: str, statuses: tuple[str, ...], script: Path | None, *, dry_run: bool, as_json: bool
) -> str:
    """Its members with one of `statuses`; the id of the batch when some run again, else nothing."""
    doc = wire.get(f"/batches/{segment(batch)}")
    counts = doc.get("counts") or {}
    meant = sum(int(counts.get(status) or 0) for status in statuses)
    if not meant:
        emit({"id": batch, "count": 0, "dry_run": dry_run}) if as_json else tell_none(doc, statuses)
        return ""
    body: dict[str, Any] = {"statuses": list(statuses)}
    if script is None:
        differing(doc, statuses)
    else:
        body["script"] = mended(wire, doc, script, send=not dry_run)
    if dry_run:
        if as_json:
            emit({"id": batch, "count": meant, "dry_run": True})
        else:
            state("quiet", "matching", f"{batch} · {count(meant, 'run')} would run again")
        return batch
    answer = wire.post(f"/batches/{segment(batch)}/retry", body)
    if as_json:
        emit(answer)
    else:
        again = int(answer.get("count") or meant)
        state("busy", "queued", f"{batch} · {count(again, 'run')} again" + (f" with {clean(script)}" if script else ""))
    return batch


def tell_none(doc: dict[str, Any], statuses: tuple[str, ...]) -> None:
    """No member ended so; how they did end, and what would take those."""
    counts = {status: int(number) for status, number in (doc.get("counts") or {}).items() if number}
    said = ", ".join(f"{number:,} {WORDS.get(status, status)}" for status, number in counts.items())
    ended_so = " or ".join(WORDS.get(status, status) for status in statuses)
    state("quiet", "none", f"no run of {doc['id']} {ended_so}" + (f"; {said}" if said else ""))
    flags = [flag for status, flag in FLAGS.items() if counts.get(status) and status not in statuses]
    if flags:
        following(f"rgrid retry {doc['id']} {flags[0]}")


def differing(doc: dict[str, Any], statuses: tuple[str, ...]) -> None:
    """Warn when the script here is not the one that ran: it would not be taken."""
    from ..wire.blob import of_file

    ran = doc.get("script") or {}
    here = Path(str(ran.get("path") or ""))
    if here.is_file() and of_file(here).sha256 != ran.get("sha256"):
        kinds = " ".join(sorted({FLAGS.get(status, "--failed") for status in statuses}))
        kinds = "--all" if "--all" in kinds else kinds
        warn(f"{clean(here)} here differs from the script of {doc['id']}; they run that one again, not yours.")
        warn(f"To run yours: rgrid retry {doc['id']} {kinds} --script {typed(here)}")


def mended(wire: Api, doc: dict[str, Any], script: Path, *, send: bool) -> dict[str, Any]:
    """The new script, stored (when `send`), at the path where the members know it. Raises UsageProblem."""
    from ..job.inputs import mode_of
    from ..job.script import checked
    from ..wire.blob import entry, of_file
    from ..wire.upload import upload

    _, runtime = checked(str(script), "")
    if runtime != doc.get("runtime"):
        raise UsageProblem(f"{clean(script)} is run by {runtime}, the batch by {doc.get('runtime')}.")
    blob = of_file(script)
    if blob.sha256 == (doc.get("script") or {}).get("sha256"):
        warn(f"{clean(script)} is the very script that ran already")
    if send:
        upload(wire, [blob])
    return entry(str(doc["script"]["path"]), blob, mode_of(script))


def retry_selection(wire: Api, found: Selection, statuses: tuple[str, ...], *, as_json: bool) -> int:
    """All of a selection; the exit code."""
    for batch in found.batches:
        retry_batch(wire, batch["id"], statuses, None, dry_run=False, as_json=as_json)
    outcome = posted(wire, "retry", found.ids, as_json)
    if not as_json:
        if outcome.done:
            state("busy", "queued", f"{count(len(outcome.done), 'execution')} · another attempt each")
        tell_refused(outcome)
        following("rgrid ps --status queued")
    return outcome.exit_code
