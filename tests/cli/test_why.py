"""What `why` says of an earlier run that served, or did not."""

from __future__ import annotations

import pytest

from cli.why import memo

FOUND = {
    "key": "ab" * 32,
    "parts": {"script": "cd" * 32, "arguments": "ef" * 32},
    "result": "miss",
    "reason": "other arguments than the last run",
    "differs": ["arguments"],
}


def test_the_key_is_shown_part_by_part(capsys: pytest.CaptureFixture[str]) -> None:
    memo(FOUND)
    assert capsys.readouterr().out.splitlines() == [
        "memo        miss: other arguments than the last run",
        "key         abababababab",
        "  script       cdcdcdcdcdcd",
        "  arguments    efefefefefef  differs from the last run",
    ]


def test_nothing_is_said_when_nobody_asked(capsys: pytest.CaptureFixture[str]) -> None:
    memo({**FOUND, "result": None})
    memo({})
    assert capsys.readouterr().out == ""
