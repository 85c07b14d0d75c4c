"""Chunks once and in order, whatever is sent twice; and a count at the end that matches, or is said not to."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.errors import NotSignedIn
from cli.terminal.loglines import Lines
from cli.wire.follow import Break, Follower, Sink
from cli.wire.grid import Grid
from cli.wire.interrupt import Interrupts
from cli.wire.transport import Api


def follower(**options):
    got, attempts = [], []
    sink = Sink(
        lambda head, data: got.append((head["attempt"], head["chunk"], bytes(data))), lambda word: None, attempts.append
    )
    api = Api(Grid("http://127.0.0.1:9", "k", "x"))
    return Follower(api, "exec_1", sink, Interrupts(), **options), got, attempts


def chunk(number, attempt=1, data=b"x\n", stream="stdout"):
    head = {"attempt": attempt, "chunk": number, "stream": stream, "line": 1, "lines": 1, "at_us": 1_000_000}
    return json.dumps(head).encode() + b"\n" + data


def end(chunks, attempt=1):
    return {"type": "end", "status": "succeeded", "attempt": attempt, "log": {"chunks": chunks}, "sequence": 9}


@given(st.lists(st.integers(1, 6), max_size=30))
def test_repeats_are_taken_once(extra):
    one, got, _ = follower()
    for number in range(1, 7):
        for again in [each for each in extra if each < number]:
            one.take_chunk(chunk(again))
        one.take_chunk(chunk(number))
    assert [each[1] for each in got] == [1, 2, 3, 4, 5, 6]
    assert one.take_word(end(6))
    assert one.shortfall() == ""


def test_binary_and_newlines_come_as_they_are():
    one, got, _ = follower()
    one.take_chunk(chunk(1, data=b"\x00\n\xff{\r"))
    assert got == [(1, 1, b"\x00\n\xff{\r")]


def test_a_missing_tail_and_a_hole_are_said():
    one, _, _ = follower()
    one.take_chunk(chunk(1))
    one.take_chunk(chunk(3))
    one.take_word(end(5))
    assert one.shortfall() == "3 of 5 log chunks did not arrive"


def test_a_named_gap_is_said_with_its_reason():
    one, _, _ = follower()
    one.take_chunk(chunk(1))
    one.take_word({"type": "gap", "from_chunk": 2, "to_chunk": 4, "why": "expired"})
    one.take_chunk(chunk(5))
    one.take_word(end(5))
    assert one.shortfall() == "3 of 5 log chunks did not arrive (expired)"


def test_a_new_attempt_counts_anew_and_late_chunks_of_the_old_one_are_dropped():
    one, got, attempts = follower()
    one.take_chunk(chunk(1))
    one.take_word({"type": "attempt", "attempt": 2, "node_id": "n"})
    one.take_chunk(chunk(2, attempt=1))
    one.take_chunk(chunk(1, attempt=2))
    one.take_word(end(1, attempt=2))
    assert [each[:2] for each in got] == [(1, 1), (2, 1)]
    assert [each["attempt"] for each in attempts] == [2]
    assert one.shortfall() == ""


def test_one_stream_has_no_count_to_match():
    one, _, _ = follower(stream="stderr")
    one.take_chunk(chunk(4, stream="stderr"))
    one.take_word(end(9))
    assert one.shortfall() == ""


def test_a_tail_begins_in_the_middle():
    one, _, _ = follower(tail=5)
    one.take_chunk(chunk(40))
    one.take_chunk(chunk(41))
    one.take_word(end(41))
    assert one.shortfall() == ""


def test_refusals_and_breaks_are_told_apart():
    one, _, _ = follower()
    with pytest.raises(NotSignedIn):
        one.take_word({"type": "error", "error": {"code": "UNAUTHENTICATED", "message": "The key was revoked."}})
    with pytest.raises(Break):
        one.take_word({"type": "error", "error": {"code": "UNAVAILABLE", "message": "later"}})
    with pytest.raises(Break):
        one.connect()
    assert one.take_word({"type": "something new"}) is False


def test_lines_across_chunks_of_two_streams(capfdbinary):
    lines = Lines(as_json=True, timestamps=False)
    for stream, data in (("stdout", b"ab"), ("stderr", b"E\n"), ("stdout", b"c\nd"), ("stdout", b"\xff")):
        lines.chunk({"attempt": 1, "chunk": 1, "stream": stream, "line": 1, "at_us": 1_500_000}, memoryview(data))
    lines.flush()
    found = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [each.get("text", each.get("base64")) for each in found] == ["E", "abc", "ZP8="]
    assert found[0]["at"] == "1970-01-01T00:00:01.500Z"
    assert found[0]["schema_version"] == 1
