"""`rgrid download ID`: the outputs of an execution, verified by hash, resumed where it broke off."""

from __future__ import annotations

from pathlib import Path

import click

from .batch.which import found, is_batch
from .errors import UsageProblem
from .options import EXECUTION, api, common, emit, example
from .terminal.formats import count, size
from .terminal.screen import following, state, tell, typed


@click.command(
    epilog=example(
        "rgrid download exec_7f3k2m",
        "rgrid download @last -o results --force",
        "rgrid download batch_7f3k2m --only-failed",
    )
)
@EXECUTION
@click.option("-o", "--output", metavar="DIR", help="Where they go (default ./outputs/<id>, of a batch ./outputs).")
@click.option("--force", is_flag=True, help="Overwrite files that differ.")
@click.option("--only-failed", is_flag=True, help="Of a batch: only those of members that failed.")
@click.option("--flat", is_flag=True, help="Of a batch: all files in one folder, as <member>__<file>.")
@common
def command(
    execution: str, output: str | None, force: bool, only_failed: bool, flat: bool, api_url: str, as_json: bool
) -> int:
    """Bring the outputs of an execution home, or of all members of a batch, a folder each beside batch.json, the index.

    Files that are there already and identical are left alone; what broke off goes on where it did.
    """
    from .wire.arrival import default_folder, shown
    from .wire.download import download

    wire = api(api_url)
    doc = found(wire, execution)
    if is_batch(doc):
        from .batch.fetch import fetch_batch

        which = {"only_failed": only_failed, "flat": flat, "force": force}
        return fetch_batch(wire, doc, Path(output or "outputs"), as_json=as_json, **which)
    if only_failed or flat:
        raise UsageProblem("--only-failed and --flat are for a batch.", f"rgrid download {doc['id']}")
    folder = Path(output) if output else default_folder(doc["id"])
    files, total = download(wire, doc["id"], folder, force=force)
    if as_json:
        emit({"id": doc["id"], "folder": str(folder.absolute()), "count": files, "size_bytes": total})
    elif not files:
        tell(
            f"{doc['id']} wrote no files."
            if doc.get("finished_at")
            else f"{doc['id']} has not ended; outputs come then."
        )
        following(f"rgrid status {doc['id']}")
    else:
        state("good", "outputs", f"{shown(folder)} · {count(files, 'file')}, {size(total)}")
        following(f"ls {typed(shown(folder))}")
    return 0
