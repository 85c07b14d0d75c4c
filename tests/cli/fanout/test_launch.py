"""One batch per invocation, whatever gets lost on the way."""

from pathlib import Path

import pytest

from cli.job.fanout.items import expand
from cli.job.fanout.launch import prepared, request
from cli.job.inputs import plan
from cli.job.request import batch_fields, request_of
from cli.job.submit import Sent, deliver
from cli.wire.grid import Grid
from cli.wire.interrupt import Interrupts
from cli.wire.transport import Api
from domain.batch.members import decode
from tests.cli.losing import Losing


@pytest.fixture
def batch(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.py").write_text("1")
    for name in ("a.csv", "b.csv", "c.csv", "model"):
        Path(name).write_text(name)
    shared = plan(Path("s.py"), ["--fast"], [], ["model"])
    options = {"parallel": "2", "fail-fast": True, "memoize": True, "priority": "3"}
    body = request_of(options, "python", shared.args, {}) | batch_fields(options)
    return prepared(Path("s.py"), shared, body, expand(["*.csv"]))


def test_a_lost_answer_is_asked_for_again_under_the_same_key(odd_server, batch):
    odd_server.behave = losing = Losing(3, "/batches", id="batch_1", count=3)
    body, lists = request(batch)
    sent = Sent(script=batch.script_blob)
    deliver(Api(Grid(odd_server.url, "k", "x")), "/batches", body, [*batch.blobs(), *lists], sent, Interrupts(), "one")
    assert sent.answer["id"] == "batch_1"
    assert set(losing.keys) == {"one"} and len(losing.keys) >= 3
    assert all(each == losing.bodies[0] for each in losing.bodies)


def test_the_request_says_all_that_was_typed(batch):
    body, (lines,) = request(batch)
    assert (body["parallel"], body["failures_max"], body["memoize"], body["priority"]) == (2, 1, True, 3)
    assert [each["path"] for each in body["shared"]["entries"]] == ["model"]
    assert body["members"] == {"sha256": lines.sha256, "size_bytes": lines.size_bytes, "count": 3}
    assert [(each.name, each.args) for each in decode(lines.data)] == [
        (name, (name, "--fast")) for name in ("a.csv", "b.csv", "c.csv")
    ]


def test_many_shared_files_travel_as_a_manifest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.py").write_text("1")
    Path("x.csv").write_text("x")
    Path("many").mkdir()
    for i in range(257):
        Path(f"many/{i}").write_text(str(i))
    shared = plan(Path("s.py"), [], [], ["many"])
    body, blobs = request(prepared(Path("s.py"), shared, request_of({}, "python", [], {}), expand(["x.csv"])))
    assert body["shared"]["count"] == 257 and len(body["shared"]["manifest"]) == 64
    assert len(blobs) == 2
