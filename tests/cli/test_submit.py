"""One submit per invocation, whatever gets lost on the way."""

from pathlib import Path

import pytest

from cli.errors import UsageProblem
from cli.job.inputs import plan
from cli.job.request import request_of
from cli.job.submit import submit
from cli.wire.blob import of_bytes, of_file
from cli.wire.grid import Grid
from cli.wire.interrupt import Interrupts
from cli.wire.transport import Api
from tests.cli.losing import Losing


def submitted(server, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.py").write_text("1")
    for i in range(files):
        Path(f"in{i}").write_text(str(i))
    made = plan(Path("s.py"), [f"in{i}" for i in range(files)], [], [])
    body = request_of({"timeout": "5m", "memory": "1g", "disk": "2g", "tag": ["a=b"]}, "python", made.args, {})
    return submit(Api(Grid(server.url, "k", "x")), Path("s.py"), made, body, Interrupts(), key="one")


def test_a_lost_answer_is_asked_for_again_under_the_same_key(odd_server, tmp_path, monkeypatch):
    odd_server.behave = losing = Losing(3)
    sent = submitted(odd_server, 2, tmp_path, monkeypatch)
    assert sent.answer["id"] == "exec_1"
    assert set(losing.keys) == {"one"}
    assert len(losing.keys) >= 3
    body = losing.bodies[-1]
    assert [each["path"] for each in body["inputs"]] == ["in0", "in1"]
    assert body["limits"] == {"memory_bytes": 1024**3, "timeout_seconds": 300, "disk_bytes": 2 * 1024**3}
    assert body["tags"] == {"a": "b"}


def test_many_inputs_travel_as_a_manifest(odd_server, tmp_path, monkeypatch):
    odd_server.behave = losing = Losing(0)
    submitted(odd_server, 257, tmp_path, monkeypatch)
    body = losing.bodies[-1]
    assert "inputs" not in body
    assert body["inputs_count"] == 257
    assert len(body["inputs_manifest"]) == 64


def test_a_file_that_changed_is_not_uploaded_as_if_it_had_not(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"one")
    blob = of_file(path)
    assert blob.sha256 == of_bytes(b"one").sha256
    path.write_bytes(b"two!")
    with pytest.raises(UsageProblem, match="changed while it was being uploaded"):
        blob.piece(0, 10)


@pytest.mark.parametrize(
    "options",
    [{"retries": "x"}, {"retries": "-1"}, {"timeout": "soon"}, {"cpu": "0"}, {"tag": ["x"]}, {"priority": "1001"}],
)
def test_bad_values_are_refused_before_anything_is_uploaded(options):
    with pytest.raises(UsageProblem):
        request_of(options, "python", [], {})
