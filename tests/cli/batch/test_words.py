"""What a person reads about a batch, wherever it is told."""

from __future__ import annotations

from typing import Any

from cli.batch.entries import entry
from cli.batch.words import CAUSES, causes, cost, refused


def group(number: int) -> dict[str, Any]:
    example = {"id": f"exec_{number}", "member": f"in/{number}.csv"}
    return {"code": "EXIT_CODE", "exit_code": 1, "error_line": f"E{number}", "count": 2000, "example": example}


def test_of_many_causes_the_first_are_told_and_how_many_more():
    assert causes([]) == []
    assert causes([group(7)]) == [("2,000 ×", "exit 1: E7"), ("", "for one in/7.csv: rgrid logs exec_7")]
    many = causes([group(number) for number in range(CAUSES + 2)])
    assert many[-1] == ("", "and 2 causes more") and len(many) == 2 * CAUSES + 1


def test_outputs_that_were_refused_are_counted():
    assert refused({"outputs": {"count": 3, "size_bytes": 1}}) == ""
    assert refused({"outputs": {"refused": 1200}}) == "1,200 outputs that are no file to bring home"


def test_the_index_names_what_was_refused_of_a_member():
    item = {"index": 0, "member": "m", "id": "exec_1", "status": "succeeded", "outputs": {"count": 0, "refused": 2}}
    told = entry({**item, "outputs_refused": [{"path": "l", "reason": "a link"}]}, [], False)
    assert (told["refused"], told["refused_count"]) == ([{"path": "l", "reason": "a link"}], 2)


def test_what_it_will_cost_is_told_by_what_was_seen():
    doc = {"count": 100, "counts": {"queued": 100}, "cost": {"estimated_micros": 0, "equivalent_micros": 0}}
    assert cost(doc) == "€0.000000 so far"
    seen = {"count": 100, "counts": {"succeeded": 20, "failed": 5, "queued": 75}, "reused": 5}
    said = {"estimated_micros": 0, "charged_micros": 0, "equivalent_micros": 40}
    assert cost({**seen, "cost": said}) == "€0.000000 so far · about €0.000190 in all on a cx23"
