"""What is rgrid's, what is the script's."""

import click
import pytest

from cli.errors import UsageProblem
from cli.job.arguments import BEHIND, RunCommand, environment, pairs, split
from cli.main import answer
from cli.run import command as run


def parsed(*words):
    context = click.Context(run, info_name="run")
    run.parse_args(context, list(words))
    return context.params, context.meta[BEHIND]


def test_options_before_and_behind_the_script():
    before, _ = parsed("--timeout", "5m", "s.py", "a")
    behind, _ = parsed("s.py", "a", "--timeout", "5m")
    assert before == behind
    assert before["script"] == "s.py"
    assert before["args"] == ("a",)


def test_what_stands_behind_the_dashes_is_untouched():
    params, behind = parsed("s.py", "a", "--", "--timeout", "5m", "--", "-x")
    assert params["timeout"] is None
    assert behind == ["--timeout", "5m", "--", "-x"]
    assert split(["--", "--"]) == ([], ["--"])


@pytest.mark.parametrize(
    ("words", "typed"),
    [
        ("train.py --lr 0.1", "rgrid run train.py -- --lr 0.1"),
        ("--lr 0.1 train.py", "rgrid run train.py -- --lr 0.1"),
        ("train.py --lr=0.1 --timeout 5m", "rgrid run --timeout 5m train.py -- --lr=0.1"),
        ("train.py data.csv -x 3 -- y", "rgrid run train.py data.csv -- -x 3 y"),
        ("-d train.py -1", "rgrid run -d train.py -- -1"),
    ],
)
def test_an_unknown_option_says_how_to_pass_it(words, typed):
    with pytest.raises(UsageProblem) as refused:
        parsed(*words.split())
    option = next(word for word in words.split() if word.startswith(("--lr", "-x", "-1"))).split("=")[0]
    assert refused.value.message == f"No such option '{option}'. To pass it to your script: {typed}"
    assert refused.value.exit_code == 2


def test_a_mistyped_option_is_recognised():
    with pytest.raises(UsageProblem, match="Did you mean --timeout"):
        parsed("train.py", "--timout", "5m")


def test_the_error_is_one_line_and_exit_code_2(capfd):
    assert answer(["run", "train.py", "--lr", "0.1"]) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert "No such option '--lr'. To pass it to your script: rgrid run train.py -- --lr 0.1" in err
    assert "Traceback" not in err


def test_env_takes_a_value_or_passes_the_callers():
    assert environment(["A=1", "B", "C=x=y"], {"B": "2"}) == {"A": "1", "B": "2", "C": "x=y"}
    with pytest.raises(UsageProblem, match="no NOPE"):
        environment(["NOPE"], {})
    with pytest.raises(UsageProblem):
        pairs(["novalue"], "--tag")


def test_run_is_a_command_with_its_own_parser():
    assert isinstance(run, RunCommand)
