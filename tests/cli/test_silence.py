"""Nothing ends in silence: what matches nothing says so, and what goes on unread says how to come back."""

import json

import pytest

from cli.main import answer
from cli.terminal.outcome import closing
from cli.terminal.watch import Watch

DOC = {"id": "exec_7f3k2m", "status": "succeeded", "attempt": 2}


@pytest.fixture
def grid(odd_server, monkeypatch):
    def behave(handler):
        listing = handler.path.startswith(("/api/v1/executions?", "/api/v1/batches?"))
        body = {"items": [], "next_cursor": None} if listing else DOC
        data = json.dumps(body).encode()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    odd_server.behave = behave
    monkeypatch.setenv("RGRID_API_URL", odd_server.url)
    monkeypatch.setenv("RGRID_API_KEY", "rgk_x")


def test_a_filter_that_matches_nothing_says_so(grid, capfd):
    assert answer(["cancel", "--tag", "zz=1"]) == 0
    assert "no open execution matches" in capfd.readouterr().err


def test_an_attempt_that_never_was_is_refused(grid, capfd):
    assert answer(["logs", "exec_7f3k2m", "--attempt", "9"]) == 2
    assert "There is no attempt 9 of exec_7f3k2m: it had 2 so far." in capfd.readouterr().err


def test_an_empty_name_is_no_folder(grid, capfd):
    assert answer(["run", ""]) == 2
    assert "The name of the script is empty." in capfd.readouterr().err


def test_an_empty_time_is_no_time(grid, capfd):
    assert answer(["logs", "exec_7f3k2m", "--since", ""]) == 2
    assert "is no time" in capfd.readouterr().err


def test_who_stops_reading_is_told_that_it_goes_on(capfd):
    Watch(None, "exec_7f3k2m", None).unread()
    said = capfd.readouterr().err
    assert "goes on" in said and "rgrid attach exec_7f3k2m" in said and "rgrid cancel exec_7f3k2m" in said


@pytest.mark.parametrize(("packages", "result", "said"), [({}, "hit", False), ({"kind": "python"}, "hit", True)])
def test_an_environment_that_was_there_is_said_when_it_runs(capfd, packages, result, said):
    class Known:
        def call(self, *words, **more):
            return self

        def json(self):
            return {**DOC, "environment": packages or None, "cache": {"environment": {"result": result}}}

    Watch(Known(), "exec_7f3k2m", None).on_state({"status": "running", "attempt": 1, "node_id": "n"})
    assert ("environment built before" in capfd.readouterr().err) is said


def test_the_cost_has_a_line_of_its_own_where_the_terminal_is_narrow(capfd, monkeypatch):
    monkeypatch.setattr("cli.terminal.outcome.interactive", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    closing({**DOC, "duration_ms": 420, "cost": {"final_micros": 0, "equivalent_micros": 1}})
    first, second, *_ = capfd.readouterr().err.splitlines()
    assert first.endswith("attempt 2 · 0.42 s")
    assert second.split() == ["cost", "€0.000000", "(about", "€0.000001", "on", "a", "cx23)"]
