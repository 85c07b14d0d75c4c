"""Follow a batch to its end: progress before the eyes, results home meanwhile, Ctrl-C, the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from ..errors import CliError, Interrupted
from ..terminal.outcome import ENDED
from ..wire.arrival import attach_again
from ..wire.grid import Grid
from ..wire.interrupt import Interrupts
from ..wire.transport import Api, segment
from .bring import Bringing
from .feed import Feed
from .following import Following
from .outage import PAUSE_SECONDS, Once, Outage, passing


def follow_batch(
    grid: Grid | Api,
    batch_id: str,
    *,
    folder: Path,
    watch: bool,
    remote_only: bool,
    only_failed: bool = False,
    flat: bool = False,
    force: bool = False,
    as_json: bool = False,
    inputs: Iterable[tuple[str, str]] = (),
    interrupts: Interrupts | None = None,
    beside: Callable[[dict[str, Any]], None] | None = None,
) -> int:
    """To the end of the batch, or until Ctrl-C detaches; the exit code: 0 all succeeded, 1 any failed, 130 cancelled.

    `folder`: where the results go, a folder a member. `watch`: the whole display, else one line. `inputs`: pairs of
    (member name, what the person typed for it) in the order of the members, for the index. `beside` tells more of the ended batch
    (what was expected of it).
    """
    api = grid if isinstance(grid, Api) else Api(grid)
    with nullcontext(interrupts) if interrupts else Interrupts() as noted:
        noted.raising = False
        outage, back = Outage(), attach_again(batch_id, folder, remote_only=remote_only)
        doc = first(api, batch_id, outage, noted, back) if api is grid else api.get(f"/batches/{segment(batch_id)}")
        bringing = None
        if not remote_only:
            bringing = Bringing(
                api, doc, folder, outage, only_failed=only_failed, flat=flat, force=force, inputs=inputs
            )
            bringing = bringing if bringing.start(doc, last=doc.get("status") in ENDED) else None
        following = Following(api, Feed(Once(api.grid), doc, outage), noted, bringing)
        following.beside, following.back = beside, back
        try:
            return following.to_the_end(watch=watch, as_json=as_json)
        finally:
            following.leave()


def first(api: Api, batch: str, outage: Outage, interrupts: Interrupts, back: str) -> dict[str, Any]:
    """The batch from a grid that has answered before: one that is away now is waited for."""
    while True:
        try:
            doc: dict[str, Any] = Once(api.grid).get(f"/batches/{segment(batch)}")
        except CliError as failed:
            if not (cause := passing(failed)):
                raise
            outage.met(cause)
            if interrupts.sleep(PAUSE_SECONDS):
                raise Interrupted(f"Interrupted; {batch} goes on.", f"Come back: {back}") from None
            continue
        outage.over()
        return doc
