"""What `rgrid run` does once all is in order: a batch, a single run, or only the plan of one."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import Interrupted
from ..options import emit
from ..terminal.screen import following
from ..wire.grid import find
from ..wire.transport import Api

if TYPE_CHECKING:
    from .inputs import Plan


def ran(
    path: Path,
    files: Plan,
    body: dict[str, Any],
    words: list[str] | None,
    options: dict[str, Any],
    api_url: str,
    wanted: tuple[bool, bool, bool],
) -> int:
    """A batch of what `words` say (None: a single run); `wanted`: as JSON, only the plan, the plan with its price."""
    as_json, looking, priced = wanted
    if words is not None:
        return many(path, files, body, words, options, api_url, wanted)
    if looking:
        return one_previewed(path, files, body, api_url, as_json, priced)
    return queued(path, files, body, options, api_url, as_json)


def many(
    path: Path,
    shared: Plan,
    body: dict[str, Any],
    words: list[str],
    options: dict[str, Any],
    api_url: str,
    wanted: tuple[bool, bool, bool],
) -> int:
    """A batch, or its plan; the exit code."""
    from .fanout.items import expand
    from .fanout.launch import launched, prepared, request
    from .request import batch_fields

    as_json, looking, priced = wanted
    batch = prepared(path, shared, body | batch_fields(options), expand(words))
    if looking:
        from .preview import previewed

        names = [str(line["name"]) for line in batch.members.lines]
        body = request(batch)[0]
        return previewed(body, batch.blobs(), names, shared.packages, api_url, as_json=as_json, priced=priced)
    return launched(batch, options, api_url, as_json)


def one_previewed(path: Path, files: Plan, body: dict[str, Any], api_url: str, as_json: bool, priced: bool) -> int:
    """The plan of a single run; the exit code."""
    from ..wire.blob import entry, of_file
    from .files import hashed
    from .preview import previewed

    script = of_file(path)
    body = body | {"script": entry(files.script, script, 0o644)}
    found = [script, *hashed(files).values()]
    return previewed(body, found, [""], files.packages, api_url, as_json=as_json, priced=priced)


def queued(path: Path, files: Plan, body: dict[str, Any], options: dict[str, Any], api_url: str, as_json: bool) -> int:
    """Submit what was found to be in order, then follow it to its end; the exit code."""
    from ..wire.arrival import attach_again, bring_home
    from ..wire.interrupt import Interrupts
    from .room import tell_room
    from .submit import submit, tell_submitted

    api = Api(find(api_url, start=True))
    with Interrupts(raising=True) as interrupts:
        try:
            sent = submit(api, path, files, body, interrupts, key=secrets.token_hex(16))
        except KeyboardInterrupt:
            raise Interrupted("Interrupted before anything was queued.") from None
        tell_submitted(sent, files.packages)
        tell_room(api, body)
        execution, folder = str(sent.answer["id"]), options.get("output")
        back = attach_again(execution, folder, remote_only=bool(options.get("remote-only")))
        if options.get("detach"):
            return left(sent.answer, back, as_json)
        from ..terminal.watch import watched

        arrival = None if options.get("remote-only") else bring_home(api, Path(folder) if folder else None)
        return watched(api, execution, interrupts, as_json=as_json, arrival=arrival, back=back)


def left(answer: dict[str, Any], back: str, as_json: bool) -> int:
    """Detached: its id on stdout, or the answer as JSON; `back`: what comes back to it."""
    if as_json:
        emit(answer)
    else:
        click.echo(answer["id"])
    following(back)
    return 0
