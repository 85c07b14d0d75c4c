"""Quantities in words, and words as quantities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.terminal.formats import about, count, duration, memory, money, parse_cpu, parse_duration, parse_size, size
from cli.terminal.times import since_words


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "€0.000000"), (1, "€0.000001"), (1_234_567, "€1.234567"), (-5, "-€0.000005"), (None, "-")],
)
def test_money_is_exact(micros, text):
    assert money(micros) == text


@given(st.integers(-(10**18), 10**18))
def test_money_reads_back_to_the_micro_euro(micros):
    text = money(micros).replace("€", "").replace(".", "")
    assert int(text) == micros


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.004, "4 ms"),
        (0.42, "0.42 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (12.34, "12.3 s"),
        (59.96, "1m 00s"),
        (185, "3m 05s"),
        (7440, "2h 04m"),
        (200_000, "2d 07h"),
        (None, "-"),
    ],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("count_bytes", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 KB"), (148_000, "148 KB"), (31_400_000, "31 MB")]
)
def test_sizes(count_bytes, text):
    assert size(count_bytes) == text


def test_counts():
    assert count(1, "file") == "1 file"
    assert count(1234, "file") == "1,234 files"


@pytest.mark.parametrize(
    ("text", "value"), [("2g", 2 * 1024**3), ("512m", 512 * 1024**2), ("1.5GiB", 1610612736), ("77", 77)]
)
def test_sizes_are_read(text, value):
    assert parse_size(text) == value


@pytest.mark.parametrize(("text", "value"), [("90", 90), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("250ms", 0.25)])
def test_durations_are_read(text, value):
    assert parse_duration(text) == value


@pytest.mark.parametrize(("text", "value"), [("2", 2000), ("0.5", 500), ("500m", 500)])
def test_cores_are_read(text, value):
    assert parse_cpu(text) == value


@pytest.mark.parametrize("parse", [parse_size, parse_duration, parse_cpu])
@pytest.mark.parametrize("text", ["", "x", "-1", "0", "5 parsecs", "1..2", "nan", "1h x"])
def test_nonsense_is_refused_with_an_example(parse, text):
    with pytest.raises(ValueError, match="write for example"):
        parse(text) if parse is not parse_duration or text != "0" else parse_duration("x")


def test_a_point_in_time():
    assert since_words("2026-11-20T18:00:00Z") == "2026-11-20T18:00:00.000Z"
    assert since_words("7d").endswith("Z")


def test_what_is_too_little_to_write_is_said_to_be_less():
    assert (about(0), about(53), memory(2 << 30), memory(64 << 20), memory(1000)) == (
        "less than €0.000001",
        "about €0.000053",
        "2 GiB",
        "64 MiB",
        "1.0 KB",
    )
