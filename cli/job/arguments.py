"""The words of `rgrid run`: what is behind `--`, and what to type when an option is not one of ours."""

from __future__ import annotations

import difflib
import shlex
from pathlib import Path
from typing import Any

import click

from ..errors import UsageProblem
from .fanout.words import collected
from .script import BY_EXTENSION

BEHIND = "rgrid.behind"
BATCH = "rgrid.batch"
SHOWN = 3
"""So many words of --batch are repeated when a command is suggested: a shell may have made thousands of them."""


class RunCommand(click.Command):
    """A command whose words behind the first `--` are kept apart, in `ctx.meta[BEHIND]`, those behind --batch in
    `ctx.meta[BATCH]` (None: not typed)."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        before, behind = split(args)
        ctx.meta[BEHIND] = behind
        before, ctx.meta[BATCH] = collected(before, takes_value(self))
        try:
            return super().parse_args(ctx, list(before))
        except click.NoSuchOption as unknown:
            raise unknown_option(unknown, before, behind, self, ctx.meta[BATCH] or []) from None


def split(args: list[str]) -> tuple[list[str], list[str]]:
    """The words before and behind the first `--`."""
    if "--" not in args:
        return args, []
    at = args.index("--")
    return args[:at], args[at + 1 :]


def unknown_option(
    unknown: click.NoSuchOption,
    before: list[str],
    behind: list[str],
    command: click.Command,
    inputs: list[str],
) -> UsageProblem:
    """`No such option '--lr'. To pass it to your script: rgrid run train.py -- --lr 0.1`"""
    near = difflib.get_close_matches(unknown.option_name, takes_value(command), 1, cutoff=0.75)
    guess = f" Did you mean {near[0]}?" if near else ""
    typed = suggestion(before, behind, takes_value(command), inputs)
    return UsageProblem(f"No such option '{unknown.option_name}'.{guess} To pass it to your script: {typed}")


def takes_value(command: click.Command) -> dict[str, bool]:
    """Our options: whether each is followed by a value."""
    known: dict[str, bool] = {"--help": False}
    for option in command.params:
        if isinstance(option, click.Option):
            known |= dict.fromkeys([*option.opts, *option.secondary_opts], not option.is_flag)
    return known


def suggestion(before: list[str], behind: list[str], known: dict[str, bool], inputs: list[str]) -> str:
    """The command with everything that is not ours moved behind `--`; `inputs` are the words of --batch."""
    ours: list[str] = []
    plain: list[str] = []
    theirs: list[str] = []
    words = iter(before)
    for word in words:
        name = word.partition("=")[0]
        if name in known or (len(word) > 2 and word[0] == "-" and word[1] != "-" and word[:2] in known):
            ours.append(word)
            if known.get(name) and "=" not in word:
                ours += [value for value in [next(words, None)] if value is not None]
        elif theirs or (word.startswith("-") and word != "-"):
            theirs.append(word)
        else:
            plain.append(word)
    if not plain:
        script = next((word for word in theirs if Path(word).suffix in BY_EXTENSION or Path(word).is_file()), "SCRIPT")
        theirs = [word for word in theirs if word != script]
        plain = [script]
    batch = ["--batch", *inputs[:SHOWN]] if inputs else []
    more = " …" if len(inputs) > SHOWN else ""
    return f"{shlex.join(['rgrid', 'run', *ours, *plain, *batch])}{more} {shlex.join(['--', *theirs, *behind])}"


def pairs(items: list[str], option: str) -> dict[str, str]:
    """`K=V` items as a dict; raises UsageProblem for one that is none."""
    found: dict[str, str] = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not key or not equals:
            raise UsageProblem(f"{option} {item!r} is not of the form NAME=VALUE.")
        found[key] = value
    return found


def environment(items: list[str], own: Any) -> dict[str, str]:
    """`K=V`, or `K` alone for the value that the caller's environment (`own`) has; raises UsageProblem if it has none."""
    for item in items:
        if "=" not in item and item not in own:
            raise UsageProblem(f"--env {item}: your environment has no {item}.", f"Give it a value: --env {item}=…")
    return pairs([item if "=" in item else f"{item}={own[item]}" for item in items], "--env")
