"""Lines that differ from member to member in what they name only."""

from __future__ import annotations

import pytest

from projections.causes import CHARS_MAX, masked


@pytest.mark.parametrize(
    ("line", "member", "found"),
    [
        ("ValueError: no header", "a.csv", "ValueError: no header"),
        ("ValueError: alpha.csv: no header", "data/alpha.csv", "ValueError: *: no header"),
        ("KeyError: 'it''s'", "m", "KeyError: *"),
        ("can't read what isn't there", "m", "can't read what isn't there"),
        ("bad row 17, column c4 (0x7f)", "m", "bad row *, column * (*)"),
        ("cannot open /tmp/x y", "m", "cannot open * y"),
        ("", "m", ""),
    ],
)
def test_what_is_left_out(line: str, member: str, found: str) -> None:
    assert masked(line, member) == found


def test_a_long_line_is_cut() -> None:
    assert len(masked("a" * 5000, "m")) == CHARS_MAX
