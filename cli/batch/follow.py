"""Follow a batch to its end: progress before the eyes, results home meanwhile, Ctrl-C, the exit code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..wire.grid import Grid
from ..wire.interrupt import Interrupts
from ..wire.transport import Api


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
    inputs: Any = (),
    interrupts: Interrupts | None = None,
) -> int:
    """To the end of the batch, or until Ctrl-C detaches; the exit code: 0 all succeeded, 1 any failed, 130 cancelled.

    `folder`: where the results go, a folder a member. `watch`: the whole display, else one line. `inputs`: pairs of
    (member name, what the person typed for it) in the order of the members, for the index.
    """
    raise NotImplementedError
