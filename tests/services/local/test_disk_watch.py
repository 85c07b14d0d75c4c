"""A disk that was full and has room again is noticed once."""

from __future__ import annotations

from pathlib import Path

from services.local.disk_watch import DiskWatch


def test_a_disk_with_room_is_no_news(tmp_path: Path) -> None:
    watch = DiskWatch(tmp_path, tmp_path / "log")
    assert [watch.healed() for _ in range(2)] == [False, False]


def test_what_the_server_said_of_a_full_disk_counts_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    watch = DiskWatch(tmp_path, log)
    log.write_text("[ERR] failed to store: no space left on device\n")
    assert [watch.healed() for _ in range(2)] == [True, False]
    with log.open("a") as file:
        file.write("[INF] all is well\n")
    assert not watch.healed()


def test_a_home_that_is_gone_is_not_healed(tmp_path: Path) -> None:
    assert not DiskWatch(tmp_path / "gone", tmp_path / "log").healed()
