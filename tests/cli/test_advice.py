"""Every command that rgrid tells a person to type is one: its verb and its options exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cli.main import VERBS, rgrid

ROOT = Path(__file__).parents[2]
FOLDERS = ("cli", "domain", "gateway", "projections", "services")
SAID = re.compile(r"(?<![\w/.`-])rgrid ([a-z_]+)((?: (?:--?[a-z][a-z-]*|[\w@.=]+))*)")
PROSE = frozenset(
    """again and answers as cannot did does exec_x has is it itself key leaks makes needs of or passes refuses runs says stops
    that uses was work writes wrote""".split()  # noqa: SIM905
)
"""What may follow the name in a sentence."""


def texts() -> Iterator[str]:
    """Every string of the code; what is put into it stands as the id of an execution."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            tree = ast.parse(path.read_text())
            inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "exec_x" for part in node.values)
                    yield "".join(map(str, parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                    yield node.value


def advice() -> set[tuple[str, ...]]:
    """The commands in those strings: verb, verb of its own if it has some, options."""
    found = set()
    for text in texts():
        for verb, rest in SAID.findall(text):
            words = rest.split()
            found.add((verb, *words[:1], *(word for word in words[1:] if word.startswith("-"))))
    return found


ADVICE = sorted(words for words in advice() if words[0] not in PROSE)


def test_there_is_advice() -> None:
    assert len(ADVICE) > 40


@pytest.mark.parametrize("words", ADVICE, ids=" ".join)
def test_what_we_say_can_be_typed(words: tuple[str, ...]) -> None:
    verb, *rest = words
    assert verb in VERBS
    with click.Context(rgrid, info_name="rgrid") as top:
        command = rgrid.get_command(top, verb)
    assert command is not None
    if isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        command = command.commands[rest.pop(0)]
    known = {option for param in command.params for option in param.opts} | {"--help", "-h"}
    assert {word for word in rest if word.startswith("-")} <= known
