"""A spool on a disk that is full keeps what it has whole, and says that it is broken."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.runner.logs.spool import Spool


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may grow beyond 64 KiB: a write that crosses it is cut short, the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_what_was_kept_stays_readable(tmp_path: Path, small_files: None) -> None:
    spool = Spool(tmp_path / "log", 1, 10**9)
    spool.write("stdout", b"first\n")
    assert (spool.chunks, spool.broken) == (1, "")
    end = spool.offset
    for _ in range(3):
        spool.write("stdout", b"x" * 100_000)
    assert spool.broken
    assert (spool.chunks, spool.offset) == (1, end)
    assert spool.read(0).endswith(b"first\n")
    spool.close()
