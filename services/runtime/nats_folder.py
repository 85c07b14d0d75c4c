"""Where nats/ lies: server.conf and streams.json. Apart from the modules that speak NATS, so that a launcher stays small."""

from __future__ import annotations

import sysconfig
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path


def nats_folder() -> Path:
    """The folder with server.conf and streams.json: of the source checkout, or of the installed wheel."""
    looked = []
    for folder in _candidates():
        if (folder / "streams.json").is_file():
            return folder
        looked.append(str(folder))
    raise FileNotFoundError(f"none of {', '.join(looked)} holds streams.json: install rgrid again")


def _candidates() -> Iterator[Path]:
    yield Path(__file__).resolve().parents[2] / "nats"
    yield Path(sysconfig.get_path("data")) / "share" / "rgrid" / "nats"
    # `pip install --user` and `--target` put it elsewhere; the RECORD of the package knows where.
    try:
        files = metadata.files("rgrid") or []
    except metadata.PackageNotFoundError:
        return
    yield from (Path(str(file.locate())).resolve().parent for file in files if file.name == "streams.json")
