"""`rgrid download ID`: the outputs of an execution, verified by hash, resumed where it broke off."""

from __future__ import annotations

from pathlib import Path

import click

from .options import EXECUTION, api, common, emit, example
from .terminal.formats import count, size
from .terminal.screen import following, state, tell
from .wire.transport import segment


@click.command(epilog=example("rgrid download exec_7f3k2m", "rgrid download @last -o results --force"))
@EXECUTION
@click.option("-o", "--output", metavar="DIR", help="Where they go (default ./outputs/<id>).")
@click.option("--force", is_flag=True, help="Overwrite files that differ.")
@common
def command(execution: str, output: str | None, force: bool, api_url: str, as_json: bool) -> int:
    """Bring the outputs of an execution home. Files that are there already and identical are left alone."""
    from .wire.arrival import default_folder, shown
    from .wire.download import download

    wire = api(api_url)
    doc = wire.get(f"/executions/{segment(execution)}")
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
        following(f"ls {shown(folder)}")
    return 0
