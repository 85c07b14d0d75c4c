"""What cancel and retry refuse before they ask a grid, as typed."""

import pytest

from cli.bulk.selection import Selection
from cli.main import answer


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("cancel", "Which one? Give an ID or a filter."),
        ("cancel exec_7f --tag a=b", "Either IDs or filters, not both."),
        ("cancel --status failed", "What is failed has ended."),
        ("cancel --since soon", "'soon' is no time"),
        ("retry", "Which one? Give an ID, or --failed."),
        ("retry --tag a=b", "Which one? Give an ID, or --failed."),
        ("retry --failed --status lost", "--status says which"),
        ("retry --status running", "what has not ended cannot run again"),
        ("retry --failed --script s.py", "--script is for a batch."),
        ("retry exec_7f --tag a=b", "Either IDs or filters, not both."),
        ("retry exec_7f --script s.py", "exec_7f is no batch."),
        ("ps --batch batch_7f --all", "--batch lists one batch"),
        ("cost --batch batch_7f --last 7d", "--batch shows one batch"),
    ],
)
def test_refused(words, message, capfd, monkeypatch):
    monkeypatch.setenv("RGRID_API_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("RGRID_API_KEY", "rgk_x")
    assert answer(words.split()) == 2
    assert message in capfd.readouterr().err


def test_a_selection_says_what_it_is():
    assert Selection(ids=["a"]).words() == "1 execution"
    assert Selection([{"id": "batch_1"}], 12, []).words() == "12 executions: 12 of 1 batch"
    both = Selection([{"id": "batch_1"}, {"id": "batch_2"}], 1200, ["a", "b"])
    assert both.words() == "1,202 executions: 1,200 of 2 batches, 2 in no batch"
