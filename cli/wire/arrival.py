"""Bring the outputs of an ended execution home and say where they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..terminal.formats import count, size
from ..terminal.screen import clean, detail, typed
from .download import download
from .transport import Api


def bring_home(api: Api, folder: Path | None, *, force: bool = False) -> Callable[[dict[str, Any]], None]:
    """A function that downloads the outputs of the document it gets, into `folder` or ./outputs/<id>."""

    def arrival(doc: dict[str, Any]) -> None:
        if not (doc.get("outputs") or {}).get("count"):
            return
        target = folder or default_folder(doc["id"])
        files, total = download(api, doc["id"], target, force=force)
        detail("outputs", f"{shown(target)} · {count(files, 'file')}, {size(total)}")

    return arrival


def default_folder(execution: str) -> Path:
    return Path("outputs") / execution


def attach_again(name: str, folder: Path | str | None = None, *, remote_only: bool = False) -> str:
    """The command that comes back to `name` (an execution or a batch) and brings its results to where they were to go."""
    if remote_only:
        return f"rgrid attach {name} --remote-only"
    usual = folder is None or (name.startswith("batch_") and Path(folder) == Path("outputs"))
    return f"rgrid attach {name}" + ("" if usual else f" -o {typed(folder)}")


def shown(folder: Path) -> str:
    """`./outputs/…`: a relative folder reads as one."""
    text = clean(folder)
    return text if folder.is_absolute() or text.startswith(".") else f"./{text}"
