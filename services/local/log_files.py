"""Bounds the log files of the parts, also while they write: each has a file and one older one, of LOG_BYTES_MAX or so."""

from __future__ import annotations

import os
from pathlib import Path

from services.local.home import Home

LOG_BYTES_MAX = 8 << 20
PIECE_BYTES = 1 << 20


def rotate_logs(home: Home) -> None:
    """Copy what grew large beside itself and empty it: whoever writes holds the file open, and goes on at its (new) end.

    What is written in the instant between the last copy and the cut is lost. On a full disk the older file is given up.
    """
    for log in (home.root / "logs").glob("*.log"):
        if log.stat().st_size > LOG_BYTES_MAX:
            older, beside = log.with_suffix(".log.1"), log.with_suffix(".log.new")
            try:
                _copy_and_cut(log, beside)
                beside.replace(older)
            except OSError:
                for each in (beside, older):
                    each.unlink(missing_ok=True)
                os.truncate(log, 0)


def _copy_and_cut(log: Path, beside: Path) -> None:
    with log.open("r+b") as source:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as sink:
            while piece := source.read(PIECE_BYTES):
                sink.write(piece)
            sink.flush()
            while piece := source.read(PIECE_BYTES):
                sink.write(piece)
        source.truncate(0)
