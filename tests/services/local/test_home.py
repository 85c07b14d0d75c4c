"""The home: private, made once, damaged files mended in words."""

from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from services.local.child import open_log
from services.local.home import Home, check_private, make_home, read_json, write_json, write_private
from services.local.lock import AlreadyUp, hold, holder, running_grid
from services.local.log_files import LOG_BYTES_MAX, rotate_logs
from services.local.ports import keep_ports
from services.local.problem import Problem
from services.local.secrets_file import load_secrets, renew_key
from services.local.up import _keep


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    make_home(made)
    return made


def test_folders_are_0700_and_files_0600(home: Home) -> None:
    load_secrets(home)
    for path in [home.root, *home.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_home_open_to_others_is_refused_and_not_touched(home: Home) -> None:
    home.root.chmod(0o755)
    with pytest.raises(Problem, match="open to other users") as caught:
        make_home(home)
    assert "chmod 700" in caught.value.fix
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o755


def test_a_file_in_place_of_the_home_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(Problem, match="is a file, not a folder"):
        make_home(Home(tmp_path / "home"))


def test_private_files_replace_and_leave_nothing_beside(home: Home) -> None:
    path = home.root / "x"
    write_private(path, "one")
    write_private(path, "two")
    assert path.read_text() == "two"
    assert [each.name for each in home.root.glob(".*")] == []


def test_secrets_are_generated_once(home: Home) -> None:
    first, note = load_secrets(home)
    assert note == ""
    assert load_secrets(home) == (first, "")
    assert renew_key(home, first).api_key != first.api_key
    assert load_secrets(home)[0].nats_control == first.nats_control


def test_a_home_of_a_time_before_there_were_secrets_gets_their_key_and_keeps_the_rest(home: Home) -> None:
    first, _ = load_secrets(home)
    old = {name: text for name, text in json.loads(home.secrets.read_text()).items() if name != "secrets_key"}
    home.secrets.write_text(json.dumps(old))
    after, note = load_secrets(home)
    assert note == "" and after.api_key == first.api_key and len(bytes.fromhex(after.secrets_key)) == 32
    assert load_secrets(home) == (after, "")
    assert home.secrets.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"nats_control": ""}', '{"nats_control": 7}'])
def test_damaged_secrets_are_set_aside_and_said(home: Home, damage: str) -> None:
    before, _ = load_secrets(home)
    home.secrets.write_text(damage)
    after, note = load_secrets(home)
    assert after.nats_control != before.nats_control
    assert "secrets.json was damaged" in note
    assert (home.root / "secrets.json.broken").read_text() == damage


def test_ports_are_kept_and_a_taken_one_is_said(home: Home) -> None:
    first, notes = keep_ports(home, ("gateway", "nats-server"))
    assert notes == []
    assert keep_ports(home, ("gateway", "nats-server")) == (first, [])
    with socket.socket() as other:
        other.bind(("127.0.0.1", first["gateway"]))
        other.listen()
        second, notes = keep_ports(home, ("gateway", "nats-server"))
    assert second["gateway"] != first["gateway"]
    assert second["nats-server"] == first["nats-server"]
    assert f"Port {first['gateway']}" in notes[0] and str(second["gateway"]) in notes[0]


def test_damaged_ports_are_chosen_anew(home: Home) -> None:
    home.ports.write_text('{"gateway": 99999999')
    assert keep_ports(home, ("gateway",))[0]["gateway"] > 0
    home.ports.write_text('{"gateway": 99999999}')
    assert keep_ports(home, ("gateway",))[0]["gateway"] < 65536


def test_one_supervisor_per_home(home: Home) -> None:
    assert holder(home) is None
    with hold(home):
        found = holder(home)
        assert found is not None and found.pid == os.getpid()
        with pytest.raises(AlreadyUp), hold(home):
            pass
    assert holder(home) is None
    with hold(home):
        pass


@pytest.mark.parametrize("text", ["", "12", "{}", json.dumps({"pid": 1, "started_ticks": 1, "boot": "x"})])
def test_a_stale_pid_file_holds_nothing(home: Home, text: str) -> None:
    home.lock.write_text(text)
    assert holder(home) is None
    with hold(home):
        assert holder(home) is not None


def test_a_pid_that_another_program_got_holds_nothing(home: Home) -> None:
    with hold(home):
        mine = read_json(home.lock)
    assert mine is not None
    home.lock.write_text(json.dumps({**mine, "started_ticks": mine["started_ticks"] - 5}))
    assert holder(home) is None


def test_large_logs_make_room(home: Home) -> None:
    with home.log("services").open("wb") as log:
        log.truncate(9 << 20)
    home.log("gateway").write_text("short")
    rotate_logs(home)
    sizes = {each.name: each.stat().st_size for each in (home.root / "logs").iterdir()}
    assert sizes == {"services.log": 0, "services.log.1": 9 << 20, "gateway.log": 5}


def test_who_writes_a_log_goes_on_writing_it_when_it_is_rotated(home: Home) -> None:
    writer = open_log(home.log("services"))
    os.write(writer, b"x" * (LOG_BYTES_MAX + 1))
    rotate_logs(home)
    os.write(writer, b"after\n")
    os.close(writer)
    assert home.log("services").read_bytes() == b"after\n"
    assert home.log("services").with_suffix(".log.1").stat().st_size == LOG_BYTES_MAX + 1


def test_private_means_owner_and_mode(home: Home) -> None:
    check_private(home.root)
    if os.geteuid() == 0:
        os.chown(home.root, 65534, 65534)
        with pytest.raises(Problem, match="belongs to user 65534"):
            check_private(home.root)
        os.chown(home.root, 0, 0)


def test_a_grid_file_counts_only_when_the_supervisor_that_runs_wrote_it_whole(home: Home) -> None:
    found = {"pid": os.getpid(), "api_url": "http://127.0.0.1:1", "started_at": "now", "sandbox": "none"}
    write_json(home.grid, found)
    assert running_grid(home) is None
    with hold(home):
        assert running_grid(home) == found
        for stale in ({**found, "pid": 1}, {"pid": os.getpid(), "api_url": "http://127.0.0.1:1"}):
            write_json(home.grid, stale)
            assert running_grid(home) is None
        home.grid.write_text('{"pid":1')
        assert running_grid(home) is None


def test_the_files_that_people_are_found_by_are_written_again(home: Home) -> None:
    said: list[str] = []
    kept = {home.grid: {"pid": 1}, home.credentials: {"api_key": "rgk_1"}}
    home.grid.write_text('{"pid":')
    _keep(kept, lambda word, sentence: said.append(sentence))
    assert [read_json(path) for path in kept] == list(kept.values())
    _keep(kept, lambda word, sentence: said.append(sentence))
    assert len(said) == 2
