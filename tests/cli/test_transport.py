"""Every way a request fails, in words and with its exit code."""

import json
import os
import socket
import threading

import pytest

from cli.errors import CliError, NotSignedIn, Unreachable, UsageProblem
from cli.main import answer
from cli.wire.grid import EMBEDDED, Grid, find, running, started_ticks
from cli.wire.transport import Api, query_string, segment


@pytest.fixture
def api(odd_server):
    return Api(Grid(odd_server.url, "rgk_x", "RGRID_API_URL"))


def reply(status, body, kind="application/json", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()

    def behave(handler):
        handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        handler.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return behave


def error(code, message="Why.", **more):
    return {"error": {"code": code, "message": message, "details": {}, "request_id": "req_1", "docs": "docs/x", **more}}


def test_a_dead_address_names_who_set_it(monkeypatch, capfd):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    monkeypatch.setenv("RGRID_API_URL", url)
    monkeypatch.setenv("RGRID_API_KEY", "rgk_x")
    assert answer(["status", "@last"]) == 125
    assert capfd.readouterr().err == (
        f"✘ No grid answers at {url} (connection refused).\n"
        "  It was set by RGRID_API_URL. Start a local one: rgrid up      Check this set-up: rgrid doctor\n"
    )


@pytest.mark.parametrize("status", [200, 404, 502, 503])
def test_a_web_page_is_named_as_one(odd_server, api, status):
    odd_server.behave = reply(status, b"<!DOCTYPE html><html>Gateway</html>", "text/html", Retry_After="0")
    if status == 503:
        odd_server.behave = first(
            reply(503, b"<html>", "text/html", Retry_After="0.1"), reply(200, b"<html>", "text/html")
        )
    with pytest.raises(Unreachable, match="answered with a web page, not with rgrid's API") as refused:
        api.get("/executions/x")
    assert odd_server.url in refused.value.message
    assert "proxy" in refused.value.hint
    assert refused.value.exit_code == 125


def first(one, then):
    calls = []

    def behave(handler):
        calls.append(1)
        (one if len(calls) == 1 else then)(handler)

    return behave


@pytest.mark.parametrize(
    ("status", "code", "kind", "exit_code"),
    [
        (401, "UNAUTHENTICATED", NotSignedIn, 4),
        (404, "NOT_FOUND", UsageProblem, 2),
        (409, "WRONG_STATE", UsageProblem, 2),
        (422, "INVALID_REQUEST", UsageProblem, 2),
        (500, "INTERNAL", CliError, 125),
    ],
)
def test_errors_of_the_grid(odd_server, api, status, code, kind, exit_code):
    odd_server.behave = reply(status, error(code))
    with pytest.raises(kind) as refused:
        api.get("/executions/x")
    assert refused.value.exit_code == exit_code
    assert refused.value.code == code
    assert refused.value.as_json()["error"]["request_id"] == "req_1"
    assert (status != 401) or "RGRID_API_KEY" in refused.value.hint


def test_a_busy_grid_is_asked_again(odd_server, api, capfd):
    odd_server.behave = first(
        reply(503, error("UNAVAILABLE", "Postgres is away."), Retry_After="0.1"), reply(200, {"ok": 1})
    )
    assert api.get("/grid") == {"ok": 1}
    assert "Postgres is away." in capfd.readouterr().err


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(odd_server, api):
    def closing(handler):
        reply(200, {"ok": 1})(handler)
        handler.close_connection = True

    odd_server.behave = closing
    assert [api.get("/grid") for _ in range(3)] == [{"ok": 1}] * 3


def test_an_answer_that_breaks_off_is_no_answer(odd_server, api):
    def broken(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"{")
        handler.close_connection = True

    odd_server.behave = broken
    with pytest.raises(Unreachable, match="the connection broke"):
        api.get("/grid")


def a_grid_runs_in(home, url):
    """What a supervisor leaves while it runs; it is this very process."""
    (home / "run").mkdir()
    holder = {"pid": os.getpid(), "started_ticks": started_ticks(os.getpid()), "boot": "x"}
    (home / "run" / "lock").write_text(json.dumps(holder))
    (home / "grid.json").write_text(json.dumps({"pid": os.getpid(), "api_url": url}))
    return holder


def breaking(times, then):
    """Breaks the connection without an answer, `times` times."""
    left = [times]

    def behave(handler):
        left[0] -= 1
        if left[0] < 0:
            then(handler)
        else:
            handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
            handler.close_connection = True

    return behave


def test_a_damaged_grid_file_is_waited_for_and_a_stale_one_not_believed(tmp_path, monkeypatch):
    monkeypatch.setenv("RGRID_HOME", str(tmp_path))
    monkeypatch.setattr("cli.wire.grid.RESTORED_SECONDS_MAX", 0.3)
    a_grid_runs_in(tmp_path, "http://127.0.0.1:9")
    assert running()["api_url"] == "http://127.0.0.1:9"
    for damage in ('{"pid":1', '{"pid":1,"api_url":"http://127.0.0.1:1"}'):
        (tmp_path / "grid.json").write_text(damage)
        assert running() == {}
    monkeypatch.setattr("cli.wire.grid.RESTORED_SECONDS_MAX", 30)
    grid_file = json.dumps({"pid": os.getpid(), "api_url": "http://127.0.0.1:9"})
    threading.Timer(0.15, lambda: (tmp_path / "grid.json").write_text(grid_file)).start()
    assert running()["api_url"] == "http://127.0.0.1:9"
    monkeypatch.setattr("cli.wire.grid.RESTORED_SECONDS_MAX", 0.3)
    (tmp_path / "run" / "lock").write_text("")
    assert running() == {}


def test_a_grid_that_is_started_again_is_waited_for(odd_server, tmp_path, monkeypatch, capfd):
    a_grid_runs_in(tmp_path, odd_server.url)
    monkeypatch.setenv("RGRID_HOME", str(tmp_path))
    api = Api(Grid(odd_server.url, "rgk_x", EMBEDDED))
    odd_server.behave = breaking(3, reply(200, {"ok": 1}))
    assert api.get("/grid") == {"ok": 1}
    assert capfd.readouterr().err.count("does not answer (the connection broke)") == 1


def test_a_post_whose_answer_was_lost_is_sent_again_under_its_own_key(odd_server, tmp_path, monkeypatch):
    a_grid_runs_in(tmp_path, odd_server.url)
    monkeypatch.setenv("RGRID_HOME", str(tmp_path))
    keys = []

    def noting(then):
        def behave(handler):
            keys.append(handler.headers["Idempotency-Key"])
            then(handler)

        return behave

    odd_server.behave = noting(breaking(2, reply(200, {"ok": 1})))
    api = Api(Grid(odd_server.url, "rgk_x", EMBEDDED))
    assert api.post("/keys", {"name": "x"}) == {"ok": 1}
    assert len(keys) == 3 and len(set(keys)) == 1
    api.post("/keys", {"name": "x"})
    assert len(set(keys)) == 2, "another invocation is another request"


def test_json_errors_are_one_object_on_stderr(odd_server, monkeypatch, capfd):
    monkeypatch.setenv("RGRID_API_URL", odd_server.url)
    monkeypatch.setenv("RGRID_API_KEY", "rgk_x")
    odd_server.behave = reply(404, error("NOT_FOUND", "There is no such execution."))
    assert answer(["status", "exec_x", "--json"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    said = json.loads(err)
    assert said["schema_version"] == 1
    assert said["error"]["code"] == "NOT_FOUND"


def test_no_grid(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("RGRID_HOME", str(tmp_path))
    monkeypatch.delenv("RGRID_API_URL", raising=False)
    assert answer(["ps"]) == 125
    assert "No grid runs here.\n  Start one: rgrid up" in capfd.readouterr().err


def test_a_key_goes_only_where_it_belongs(tmp_path, monkeypatch):
    monkeypatch.setenv("RGRID_HOME", str(tmp_path))
    monkeypatch.delenv("RGRID_API_KEY", raising=False)
    (tmp_path / "credentials").write_text(json.dumps({"api_url": "https://grid.example", "api_key": "rgk_secret"}))
    assert find("https://grid.example/").key == "rgk_secret"
    with pytest.raises(NotSignedIn) as refused:
        find("https://evil.example")
    assert refused.value.exit_code == 4


@pytest.mark.parametrize("url", ["nonsense", "ftp://x", "http://"])
def test_an_address_must_be_one(url, monkeypatch):
    monkeypatch.setenv("RGRID_API_KEY", "rgk_x")
    with pytest.raises(UsageProblem):
        find(url)


def test_paths_and_queries_are_quoted():
    assert segment("../x?y") == "..%2Fx%3Fy"
    assert query_string({"tag": ("a=b", "c=d"), "none": None, "n": 5}) == "?tag=a%3Db&tag=c%3Dd&n=5"


def test_another_program_on_the_pid_of_a_killed_grid_is_no_grid(tmp_path, monkeypatch):
    monkeypatch.setenv("RGRID_HOME", str(tmp_path))
    holder = a_grid_runs_in(tmp_path, "http://127.0.0.1:1")
    assert running()
    (tmp_path / "run" / "lock").write_text(json.dumps({**holder, "started_ticks": holder["started_ticks"] - 5}))
    assert not running()
