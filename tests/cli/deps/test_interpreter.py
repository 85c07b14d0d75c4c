"""Which Python a run asks for, held against what nodes have."""

import sys

import pytest

from cli.deps.interpreter import check_offered, choose, lowest, named
from cli.errors import UsageProblem

OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
HAVE = ["python", "python3.11", "python3.12", "python3.13", "node20", "sh"]


def never():
    raise AssertionError("nobody had to be asked")


@pytest.mark.parametrize("requires", ["", ">=3.8", ">=3.11", " >= 3 ", ">=3.10.2"])
def test_what_every_node_satisfies_asks_nobody(requires):
    assert choose(requires, "x", "", never) == ""
    assert choose(requires, "x", "3.12", never) == "3.12"


@pytest.mark.parametrize(
    ("requires", "chosen"),
    [(">=3.12", "3.12"), (">=3.12.4,<4", "3.12"), ("==3.13.*", "3.13"), (">3.12.90", "3.12"), ("~=3.13.0", "3.13")],
)
def test_the_lowest_that_satisfies_is_chosen(requires, chosen):
    offered = ["python3.10", *(each for each in HAVE if each != f"python{OWN}")]
    assert choose(requires, "x", "", lambda: offered) == chosen


def test_a_python_like_ones_own_goes_before_a_lower_one():
    offered = ["python3.9", *HAVE]
    assert choose("<3.20", "x", "", lambda: offered) == ""
    assert choose("!=3.9.*,<4", "x", "", lambda: offered) == OWN


def test_where_all_fit_the_node_prefers():
    assert choose(">=3.12", "x", "", lambda: ["python", "python3.12", "python3.13"]) == ""


def test_where_nobody_can_tell_the_lowest_possible_is_asked_for():
    assert choose(">=3.15", "x", "", list) == "3.15"


@pytest.mark.parametrize(
    ("requires", "chosen", "said"),
    [
        (">=3.14", "", "needs Python >=3.14; the nodes have 3.11, 3.12, 3.13."),
        (">=3.13", "3.12", "needs Python >=3.13, and --runtime asks for 3.12."),
        ("three", "", "which is no range of versions"),
    ],
)
def test_none_that_fits_is_an_error_that_says_what_there_is(requires, chosen, said):
    with pytest.raises(UsageProblem) as caught:
        choose(requires, "s.py", chosen, lambda: HAVE)
    assert caught.value.code == "NO_INTERPRETER"
    assert said in caught.value.message and caught.value.hint


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("python", ("python", "")), ("python3.12", ("python", "3.12")), ("Python-3.12.1", ("python", "3.12")),
     ("node20", ("node", "20")), ("node20.1", ("node", "20")), ("sh", ("sh", ""))],
)  # fmt: skip
def test_a_runtime_may_have_a_version(typed, meant):
    assert named(typed) == meant


@pytest.mark.parametrize("typed", ["perl", "python3", "sh5", "python3.x", "3.12", ""])
def test_no_runtime(typed):
    with pytest.raises(UsageProblem, match="There is no runtime"):
        named(typed)


def test_a_lock_serves_from_the_oldest_python_on():
    assert [lowest("", ""), lowest(">=3.9", ""), lowest(">=3.13,<4", ""), lowest(">=3.9", "3.12")] == [
        *("3.11", "3.11", "3.13", "3.12"),
    ]


def test_the_python_that_pins_come_from_is_asked_for_where_a_node_has_it():
    assert choose("", "x", "", lambda: ["python3.12", "python3.95"], "3.95") == "3.95"
    assert choose("<3.90", "x", "", lambda: ["python3.12", "python3.95"], "3.95") == "3.12"
    assert choose("", "x", "", lambda: HAVE, "3.95") == ""
    assert choose("", "x", "3.12", never, "3.95") == "3.12" and choose("", "x", "", never, OWN) == ""


def test_a_version_that_no_node_has_is_refused_at_once():
    check_offered("python", "3.12", HAVE)
    check_offered("python", "3.12", [])
    check_offered("node", "20", HAVE)
    for runtime, version, said in [
        ("python", "3.14", "No node has Python 3.14; the nodes have 3.11, 3.12, 3.13."),
        ("node", "22", "No node has Node 22; the nodes have 20."),
    ]:
        with pytest.raises(UsageProblem) as caught:
            check_offered(runtime, version, HAVE)
        assert caught.value.message == said and caught.value.code == "NO_INTERPRETER"
