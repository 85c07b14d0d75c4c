"""Time left is a range that gets narrower, and nothing is said where nobody can know."""

from hypothesis import given
from hypothesis import strategies as st

from cli.batch.pace import WINDOW_SECONDS, Pace


def test_nothing_is_guessed_from_too_little():
    pace = Pace()
    assert pace.left(0.0, 10) is None
    pace.note(0.0, 0)
    pace.note(5.0, 2)
    assert pace.rate(5.0) == 0.4
    assert pace.left(5.0, 10) is None


def test_a_steady_pace_and_its_range():
    pace = Pace()
    for second in range(101):
        pace.note(float(second), second * 10)
    low, likely, high = pace.left(100.0, 1000)
    assert likely == 100.0
    assert 85 < low < 100 < high < 120


def test_what_is_long_ago_counts_no_more():
    pace = Pace()
    for second in range(200):
        pace.note(float(second), min(second, 100) * 100)
    assert pace.rate(199.0) == 0.0
    assert pace.left(199.0, 5) is None
    assert pace.seen[-1][0] - pace.seen[0][0] <= WINDOW_SECONDS + 1


def test_a_stall_makes_the_rest_longer():
    pace = Pace()
    pace.note(0.0, 0)
    pace.note(10.0, 100)
    assert pace.left(20.0, 100)[1] == 2 * pace.left(10.0, 100)[1]


def test_a_retry_counts_anew():
    pace = Pace()
    pace.note(0.0, 0)
    pace.note(10.0, 100)
    pace.note(11.0, 90)
    assert pace.rate(11.0) == 0.0


@given(st.lists(st.tuples(st.floats(0.01, 50), st.integers(0, 1000)), min_size=1, max_size=50), st.integers(1, 10**5))
def test_the_range_is_one(steps, remaining):
    pace, now, ended = Pace(), 0.0, 0
    for seconds, more in steps:
        now, ended = now + seconds, ended + more
        pace.note(now, ended)
    found = pace.left(now, remaining)
    assert found is None or 0 < found[0] < found[1] < found[2] < float("inf")
