"""`rgrid run SCRIPT --batch …`: list the members, upload what is missing, submit all of them at once, follow."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ...errors import CliError, Interrupted
from ...options import emit
from ...terminal.formats import count
from ...terminal.screen import detail, following, state
from ...wire.arrival import attach_again
from ...wire.blob import Blob, entry, of_bytes, of_file
from ...wire.grid import find
from ...wire.interrupt import Interrupts
from ...wire.transport import Api
from ..estimate import beside_truth, estimated, range_words
from ..files import hashed, listed, manifest_of
from ..inputs import Plan, mode_of
from ..room import tell_room
from ..submit import Sent, arrived, deliver
from .items import Item
from .members import Members, members


@dataclass(slots=True)
class Batch:
    """All that a batch stands on, hashed: nothing of it has left this machine yet."""

    script: Path
    shared: Plan
    body: dict[str, Any]
    items: list[Item]
    members: Members
    script_blob: Blob
    shared_blobs: dict[str, Blob]

    def blobs(self) -> list[Blob]:
        """The files, without the list of the members."""
        return [self.script_blob, *self.shared_blobs.values(), *self.members.blobs]


def prepared(script: Path, shared: Plan, body: dict[str, Any], items: list[Item]) -> Batch:
    """Raises UsageProblem for everything that cannot go along."""
    listed_members = members(items, shared)
    return Batch(script, shared, body, items, listed_members, of_file(script), hashed(shared))


def request(batch: Batch) -> tuple[dict[str, Any], list[Blob]]:
    """The body of POST /batches, and the blobs that it names beside the files."""
    entries = listed(batch.shared_blobs, batch.shared)
    manifest = manifest_of(entries)
    total = sum(blob.size_bytes for blob in batch.shared_blobs.values())
    several = {"manifest": manifest.sha256, "count": len(entries), "size_bytes": total} if manifest else {}
    lines = of_bytes(batch.members.encoded())
    listing = {"sha256": lines.sha256, "size_bytes": lines.size_bytes, "count": len(batch.members.lines)}
    body = {
        **batch.body,
        "args": [],  # a member's own come first, so all of them stand in the list
        "script": entry(batch.shared.script, batch.script_blob, mode_of(batch.script)),
        "shared": several or {"entries": entries},
        "members": listing,
    }
    return body, [lines, *([manifest] if manifest else []), *batch.shared.packages.blobs]


def launched(batch: Batch, options: Mapping[str, Any], api_url: str, as_json: bool) -> int:
    """Submit it, then follow it to its end; the exit code."""
    api = Api(find(api_url, start=True))
    body, lists = request(batch)
    with Interrupts(raising=True) as interrupts:
        sent = Sent(script=batch.script_blob, inputs=batch.members.blobs)
        try:
            deliver(api, "/batches", body, [*batch.blobs(), *lists], sent, interrupts, secrets.token_hex(16))
        except KeyboardInterrupt:
            raise Interrupted("Interrupted before anything was queued.") from None
        tell(batch, sent)
        tell_room(api, body)
        name = str(sent.answer["id"])
        expected = expectation(api, body, len(batch.items))
        if options.get("detach"):
            return left(sent.answer, options, as_json)
        from ...batch.follow import follow_batch

        return follow_batch(
            api,
            name,
            folder=Path(options.get("output") or "outputs"),
            watch=bool(options.get("watch")),
            remote_only=bool(options.get("remote-only")),
            flat=bool(options.get("flat")),
            as_json=as_json,
            inputs=[
                (line["name"], item.file or item.line)
                for line, item in zip(batch.members.lines, batch.items, strict=True)
            ],
            interrupts=interrupts,
            beside=lambda doc: beside_truth(doc, expected),
        )


def expectation(api: Api, body: dict[str, Any], runs: int) -> dict[str, Any]:
    """What the grid expects of it, told; nothing when it cannot say just now: the batch is queued and goes on."""
    try:
        expected = estimated(api, body, runs)
    except CliError:
        return {}
    if expected:
        detail("expected", range_words(expected))
    return expected


def tell(batch: Batch, sent: Sent) -> None:
    """`● submitted   batch_7f3k2m · 2,000 runs · script known · 2,000 inputs (34 MB), 12 uploaded · 3 shared files known`"""
    packages = batch.shared.packages
    known = "uploaded" if batch.script_blob.sha256 in sent.uploaded else "known"
    words = [str(sent.answer["id"]), count(len(batch.items), "run"), f"script {known}"]
    if batch.members.blobs:
        words.append(arrived(batch.members.blobs, sent.uploaded))
    if batch.shared_blobs:
        words.append(arrived(list(batch.shared_blobs.values()), sent.uploaded, "shared file"))
    state("busy", "submitted", " · ".join([*words, *([packages.words] if packages.count else [])]))
    packages.told()


def left(answer: dict[str, Any], options: Mapping[str, Any], as_json: bool) -> int:
    """Detached: its id on stdout, or the answer as JSON; how to come back on stderr."""
    if as_json:
        emit(answer)
    else:
        click.echo(answer["id"])
    detail("cancel", f"rgrid cancel {answer['id']}")
    back = attach_again(str(answer["id"]), options.get("output"), remote_only=bool(options.get("remote-only")))
    following(back)
    return 0
