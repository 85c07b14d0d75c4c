"""Coming back to what was left brings the results to where they were to go."""

from pathlib import Path

import pytest

from cli.job.fanout.launch import left as left_batch
from cli.job.running import left
from cli.wire.arrival import attach_again


@pytest.mark.parametrize(
    ("name", "folder", "remote_only", "command"),
    [
        ("exec_1", None, False, "rgrid attach exec_1"),
        ("exec_1", "outputs", False, "rgrid attach exec_1 -o outputs"),
        ("batch_1", Path("outputs"), False, "rgrid attach batch_1"),
        ("batch_1", Path("a b"), False, "rgrid attach batch_1 -o 'a b'"),
        ("batch_1", "a\x1b", False, "rgrid attach batch_1 -o 'a\\x1b'"),
        ("batch_1", "x", True, "rgrid attach batch_1 --remote-only"),
    ],
)
def test_what_comes_back(name, folder, remote_only, command):
    assert attach_again(name, folder, remote_only=remote_only) == command


def test_a_detached_run_says_where_its_results_go(capfd):
    left_batch({"id": "batch_1"}, {"output": "X"}, as_json=False)
    left({"id": "exec_1"}, attach_again("exec_1", "Y"), as_json=False)
    err = capfd.readouterr().err
    assert "rgrid attach batch_1 -o X\n" in err and "rgrid attach exec_1 -o Y\n" in err
