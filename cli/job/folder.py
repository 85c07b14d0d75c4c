"""Whether results can go where they are to go: asked before anything is queued, not when the batch is over."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import UsageProblem
from ..terminal.screen import clean


def check_folder(options: Mapping[str, Any], *, batch: bool) -> None:
    """Raise UsageProblem when outputs could not go where `options` say; nothing is left there. Without -o only a batch
    is known to write something: its index."""
    typed = options.get("output")
    folder = Path(typed or "outputs")
    if (not typed and not batch) or options.get("remote-only") or (options.get("detach") and not typed):
        return
    told = f"-o {clean(typed)}" if typed else "./outputs"
    if os.path.lexists(folder) and not folder.is_dir():
        raise UsageProblem(f"{told}: there is a file of that name, not a folder.", elsewhere(batch=batch))
    missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
    made: list[Path] = []
    try:
        for each in reversed(missing):
            each.mkdir()
            made.append(each)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as broken:
        text = f"{told}: nothing can be written there ({broken.strerror}); nothing was queued."
        raise UsageProblem(text, elsewhere(batch=batch), code="OUTPUT_UNWRITABLE") from None
    finally:
        for each in reversed(made):
            with suppress(OSError):
                each.rmdir()


def elsewhere(*, batch: bool) -> str:
    """What to type instead."""
    command = "rgrid run SCRIPT --batch …" if batch else "rgrid run SCRIPT"
    return f"Another folder: {command} -o other      Leave them on the grid: {command} --remote-only"
