"""What a person mistypes is answered in words, before anything is sent."""

import pytest

from cli.errors import UsageProblem
from cli.job.request import request_of
from cli.ps import more, shortened
from cli.terminal.table import fit
from cli.terminal.typed import check_labels, cost_by, one_id, state_name


@pytest.mark.parametrize("word", ["exec_3583hga", "exec_3583hga…", "exec_3583hga...", "EXEC_3583HGA", " exec_3583hga"])
def test_an_id_may_be_typed_as_it_was_shown(word):
    assert one_id(word) == "exec_3583hga"


@pytest.mark.parametrize("word", ["", "exec_", "exec", "@first", "a b", "ü", "../x", "…"])
def test_what_is_no_id_is_said(word):
    with pytest.raises(UsageProblem, match="is no id"):
        one_id(word)


def test_last_is_an_id():
    assert one_id("@last") == "@last"


def test_a_state_may_be_typed_as_it_is_shown_and_a_wrong_one_gets_the_nearest():
    assert state_name(None, None, "timed out") == "timed_out"
    with pytest.raises(UsageProblem, match="Did you mean failed"):
        state_name(None, None, "failled")


@pytest.mark.parametrize("word", ["rubbish", "tag:", "tag:a b", ""])
def test_a_way_to_add_up_that_is_none_is_said(word):
    assert cost_by(None, None, "tag:exp") == "tag:exp"
    with pytest.raises(UsageProblem, match="not added up"):
        cost_by(None, None, word)


@pytest.mark.parametrize(
    "options",
    [
        {"project": "a b"},
        {"env": ["A B=1"]},
        {"name": "x" * 201},
        {"name": "a\x9bb"},
        {"tag": ["a b=1"]},
        {"memory": "1"},
    ],
)
def test_options_are_refused_in_words_of_ours(options):
    with pytest.raises(UsageProblem) as caught:
        request_of(options, "python", [], {})
    assert "^" not in caught.value.message and next(iter(options)) in caught.value.message


def test_good_labels_pass():
    check_labels("a name", "ml-1", ["A_1"], ["team/exp"])


def test_more_keeps_the_filters():
    filters = {"status": "failed", "tag": ("a=1", "b=2"), "project": None}
    assert more(1, "7d", None, filters) == "rgrid ps -n 5 --status failed --tag a=1 --tag b=2 --since 7d"


def test_a_narrow_table_keeps_ids_whole_and_the_end_of_a_path():
    assert fit([17, 30, 20], 50, frozenset({0})) == [17, 14, 15]
    assert shortened("x/" * 40 + "main.py").endswith("/x/main.py") and len(shortened("y" * 99)) == 40
