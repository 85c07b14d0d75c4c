"""The words behind --batch, wherever the script stands and whatever the shell made of a glob."""

import pytest

from cli.errors import UsageProblem
from cli.job.fanout.words import collected

ARITY = {"--parallel": True, "--output": True, "-o": True, "--watch": False, "-d": False}


@pytest.mark.parametrize(
    ("typed", "rest", "words"),
    [
        ("s.py --batch a.csv b.csv --parallel 2", "s.py --parallel 2", "a.csv b.csv"),
        ("s.py x --batch a.csv --watch y", "s.py x --watch y", "a.csv"),
        ("--batch a.csv b.csv s.py", "s.py", "a.csv b.csv"),
        ("--batch *.csv run", "run", "*.csv"),
        ("-o out --batch *.csv s.py", "s.py -o out", "*.csv"),
        ("s.py --batch=a.csv --batch b.csv -d", "s.py -d", "a.csv b.csv"),
        ("s.py --batch - --watch", "s.py --watch", "-"),
        ("s.py --batch @list.txt", "s.py", "@list.txt"),
    ],
)
def test_what_is_an_input_and_what_is_not(typed, rest, words):
    found, inputs = collected(typed.split(), ARITY)
    assert (sorted(found), inputs) == (sorted(rest.split()), words.split())


def test_without_the_option_nothing_is_touched():
    assert collected(["s.py", "a", "-d"], ARITY) == (["s.py", "a", "-d"], None)


@pytest.mark.parametrize("typed", ["s.py --batch --watch", "s.py --batch"])
def test_no_inputs_is_said(typed):
    with pytest.raises(UsageProblem, match="names no inputs"):
        collected(typed.split(), ARITY)


@pytest.mark.parametrize("typed", ["--batch a.csv", "--batch a.py b.py", "--batch a.csv b.csv c.csv"])
def test_without_a_script_it_is_asked_for(typed):
    with pytest.raises(UsageProblem) as asked:
        collected(typed.split(), ARITY)
    assert "rgrid run SCRIPT --batch" in asked.value.hint


def test_a_hundred_thousand_names_are_no_matter():
    names = [f"data/{i}.csv" for i in range(100_000)]
    assert collected(["s.py", "--batch", *names], ARITY)[1] == names
