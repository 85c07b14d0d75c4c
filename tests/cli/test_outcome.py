"""How an end becomes an exit code and a line."""

import pytest

from cli.terminal.outcome import cost_words, exit_code, figures, refused


@pytest.mark.parametrize(
    ("doc", "code"),
    [
        ({"status": "succeeded", "exit_code": 0}, 0),
        ({"status": "failed", "exit_code": 7}, 7),
        ({"status": "failed", "exit_code": None, "signal": 9}, 137),
        ({"status": "failed", "exit_code": None, "attempts": [{"signal": 11}]}, 139),
        ({"status": "failed", "exit_code": None, "reason": {"code": "START_FAILED"}}, 125),
        ({"status": "timed_out", "exit_code": None}, 124),
        ({"status": "cancelled"}, 130),
        ({"status": "lost"}, 125),
    ],
)
def test_exit_codes(doc, code):
    assert exit_code(doc) == code


def test_refused_outputs_are_named_and_the_others_counted():
    doc = {"outputs_refused": [{"path": "l", "reason": "a link"}], "outputs_refused_count": 3}
    assert refused(doc) == ["l: a link", "and 2 more"] and refused({}) == []


def test_figures_as_they_are_shown():
    doc = {
        "duration_ms": 420,
        "started_at": "2026-11-20T18:00:00.000Z",
        "usage": {"cpu_ms": 390, "memory_peak_bytes": 31_000_000},
        "cost": {"final_micros": 0, "equivalent_micros": 1},
    }
    assert figures(doc) == "0.42 s · cpu 0.39 s · peak 31 MB · €0.000000 (about €0.000001 on a cx23)"
    assert cost_words({"estimated_micros": 5}) == "estimated €0.000005"
    assert figures({"cost": {}}) == ""
