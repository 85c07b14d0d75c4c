"""The nats-server that is used is the packaged one, and an old one is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.local.external_nats import check_nats
from services.local.external_postgres import check_postgres
from services.local.nats_server import check_version, find_nats_server, launch_nats_server, wait_for_nats
from services.local.ports import free_port
from services.local.problem import Problem
from services.runtime.settings import Settings


def _fake(folder: Path, answer: str) -> Path:
    folder.mkdir(exist_ok=True)
    binary = folder / "nats-server"
    binary.write_text(f"#!/bin/sh\necho '{answer}'\n")
    binary.chmod(0o755)
    return binary


def test_the_packaged_server_is_found_although_an_old_one_is_first_on_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _fake(tmp_path / "bin", "nats-server: v2.9.10")
    monkeypatch.setenv("PATH", str(old.parent), prepend=":")
    found = find_nats_server()
    assert found != old
    assert check_version(found).startswith("2.15.")


def test_it_is_found_by_the_record_when_the_scripts_folder_moved(tmp_path: Path) -> None:
    assert find_nats_server(scripts=tmp_path).name == "nats-server"


def test_debians_2_9_is_refused_by_name(tmp_path: Path) -> None:
    old = _fake(tmp_path / "bin", "nats-server: v2.9.10")
    with pytest.raises(Problem, match=r"nats-server 2\.9\.10 .* too old") as caught:
        find_nats_server(scripts=old.parent)
    assert caught.value.code == "NATS_TOO_OLD"
    assert "pip install" in caught.value.fix


def test_what_does_not_run_or_says_nonsense_is_said(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="does not say"):
        check_version(_fake(tmp_path / "a", "hello"))
    broken = _fake(tmp_path / "b", "")
    broken.write_bytes(b"\x7fELF nonsense")
    with pytest.raises(Problem, match="does not run"):
        check_version(broken)


def test_an_external_server_is_checked(tmp_path: Path) -> None:
    port = free_port()
    with pytest.raises(Problem, match="No NATS server answers") as caught:
        check_nats(Settings(nats_url=f"nats://127.0.0.1:{port}"))
    assert "RGRID_NATS_URL" in caught.value.why
    config = tmp_path / "server.conf"
    config.write_text(f'listen: "127.0.0.1:{port}"\n')
    server = launch_nats_server(find_nats_server(), config)
    try:
        wait_for_nats(server, "127.0.0.1", port)
        with pytest.raises(Problem, match="no JetStream"):
            check_nats(Settings(nats_url=f"nats://127.0.0.1:{port}"))
    finally:
        server.terminate()
        server.wait()


def test_a_server_that_ends_at_once_is_said(tmp_path: Path) -> None:
    config = tmp_path / "server.conf"
    config.write_text("nonsense {")
    with pytest.raises(Problem, match="did not come up"):
        wait_for_nats(launch_nats_server(find_nats_server(), config), "127.0.0.1", free_port())


@pytest.mark.parametrize("dsn", ["postgresql://x@127.0.0.1:1/db", "postgresql://x@/db?host=%2Fnowhere"])
def test_an_external_postgres_that_is_away_is_said(dsn: str) -> None:
    with pytest.raises(Problem, match="No Postgres answers"):
        check_postgres(dsn)
