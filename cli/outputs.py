"""`rgrid outputs ID`: the files that an execution wrote."""

from __future__ import annotations

import click

from .batch.which import found, is_batch
from .options import EXECUTION, api, common, emit, example
from .terminal.formats import clock, size
from .terminal.outcome import refused
from .terminal.screen import clean, detail, following, tell
from .terminal.table import table


@click.command(epilog=example("rgrid outputs exec_7f3k2m", "rgrid outputs @last --json | jq -r .path"))
@EXECUTION
@common
def command(execution: str, api_url: str, as_json: bool) -> int:
    """List the files that an execution wrote in its working directory; of a batch, how many each member wrote."""
    from .wire.download import outputs

    wire = api(api_url)
    doc = found(wire, execution)
    if is_batch(doc):
        from .batch.members import show_outputs

        show_outputs(wire, doc, as_json)
        return 0
    items = list(outputs(wire, doc["id"]))
    if as_json:
        for item in items:
            emit({name: value for name, value in item.items() if name != "url"})
        return 0
    for text in refused(doc):
        detail("refused", text)
    if not items:
        tell(
            f"{doc['id']} wrote no files."
            if doc.get("finished_at")
            else f"{doc['id']} has not ended; outputs come then."
        )
        following(f"rgrid status {doc['id']}")
        return 0
    rows = [[size(item["size_bytes"]), item["sha256"][:12], item["path"]] for item in items]
    table(("SIZE", "SHA-256", "PATH"), rows, right=frozenset({0}))
    if doc.get("kept_until"):
        detail("kept", f"until {clock(doc['kept_until']).split()[0]} (project {clean(doc.get('project'))})")
    following(f"rgrid download {doc['id']}")
    return 0
