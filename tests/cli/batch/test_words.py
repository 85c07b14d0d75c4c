"""What a person reads about a batch, wherever it is told."""

from __future__ import annotations

from typing import Any

from cli.batch.words import CAUSES, causes


def group(number: int) -> dict[str, Any]:
    example = {"id": f"exec_{number}", "member": f"in/{number}.csv"}
    return {"code": "EXIT_CODE", "exit_code": 1, "error_line": f"E{number}", "count": 2000, "example": example}


def test_of_many_causes_the_first_are_told_and_how_many_more():
    assert causes([]) == []
    assert causes([group(7)]) == [("2,000 ×", "exit 1: E7"), ("", "for one in/7.csv: rgrid logs exec_7")]
    many = causes([group(number) for number in range(CAUSES + 2)])
    assert many[-1] == ("", "and 2 causes more") and len(many) == 2 * CAUSES + 1
