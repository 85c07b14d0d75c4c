"""What a person types as an id, a state or a name, checked in words of ours before the grid refuses it with a pattern."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any

from ..errors import UsageProblem
from .screen import clean

STATES = ("queued", "provisioning", "running", "succeeded", "failed", "cancelled", "timed_out", "lost")
NAME_CHARS_MAX = 200
ID = re.compile(r"[0-9a-z_]{1,64}")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
SECRET_NAME_CHARS_MAX = 64
PROJECT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
TAG_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,63}")
COST_BY = ("total", "day", "project", "script", "tag")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def execution_id(ctx: Any, param: Any, value: Any) -> Any:
    """A click callback: ids in small letters, without the ellipsis of a narrow table. Raises UsageProblem."""
    return tuple(one_id(each) for each in value) if isinstance(value, tuple) else one_id(value)


def optional_id(ctx: Any, param: Any, value: str | None) -> str | None:
    """A click callback for an option: an id, when one was given."""
    return None if value is None else one_id(value)


def one_id(text: str) -> str:
    """`exec_7f3k2m` or `batch_7f3k2m`, a beginning of it, or @last."""
    word = text.strip().rstrip("….").lower()
    if word == "@last" or (ID.fullmatch(word) and word not in ("exec_"[: len(word)], "batch_", "batch")):
        return word
    raise UsageProblem(
        f"{clean(text)!r} is no id: an id is exec_… or batch_…, or a unique beginning of one, or @last.",
        "The ids: rgrid ps      Batches: rgrid batch",
    )


def batch_id(ctx: Any, param: Any, value: str | None) -> str | None:
    """A click callback: the id of a batch, when one was given. Raises UsageProblem for that of an execution."""
    word = optional_id(ctx, param, value)
    if word is not None and word.startswith("exec_"):
        raise UsageProblem(f"{clean(word)} is an execution, not a batch.", f"Look at it: rgrid status {clean(word)}")
    return word


def state_name(ctx: Any, param: Any, value: str | None) -> str | None:
    """A click callback: one of STATES; `timed out` will do. Raises UsageProblem."""
    if value is None:
        return None
    word = value.strip().lower().replace(" ", "_").replace("-", "_")
    if word in STATES:
        return word
    near = difflib.get_close_matches(word, STATES, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise UsageProblem(f"--status {clean(value)!r} is no state.{meant}", f"The states: {', '.join(STATES)}")


def cost_by(ctx: Any, param: Any, value: str | None) -> str | None:
    """A click callback: day, project, script, tag or tag:KEY. Raises UsageProblem."""
    if value is None or value in COST_BY or (value.startswith("tag:") and TAG_NAME.fullmatch(value[4:])):
        return value
    raise UsageProblem(
        f"--by {clean(value)!r}: costs are not added up that way.", f"Ways: {', '.join(COST_BY)}, tag:KEY"
    )


def check_labels(name: str, project: str, env: Iterable[str], tags: Iterable[str]) -> None:
    """Raise UsageProblem for a name, project, variable or tag that the grid would not take."""
    if len(name) > NAME_CHARS_MAX:
        raise UsageProblem(f"--name has {len(name)} characters; {NAME_CHARS_MAX} is the most.")
    if CONTROL.search(name):
        raise UsageProblem(f"--name {clean(name)!r} has control characters in it.")
    if project and (len(project) > NAME_CHARS_MAX or not PROJECT.fullmatch(project)):
        raise UsageProblem(
            f"--project {clean(project)!r}: letters, digits, '.', '_' and '-' only, and a letter or digit first."
        )
    for variable in env:
        if not ENV_NAME.fullmatch(variable):
            raise UsageProblem(f"--env {clean(variable)!r} is no name of a variable: letters, digits and '_' only.")
    for tag in tags:
        if not TAG_NAME.fullmatch(tag):
            raise UsageProblem(f"--tag {clean(tag)!r}: a tag's name has letters, digits, '.', '_', '/' and '-' only.")


def secret_name(name: str) -> str:
    """`name` itself; raises UsageProblem, without what may have been typed in its place."""
    if len(name) > SECRET_NAME_CHARS_MAX or not ENV_NAME.fullmatch(name):
        raise UsageProblem(
            f"A secret is named like a variable: letters, digits and '_', at most {SECRET_NAME_CHARS_MAX}, no digit first.",
            "For example: rgrid secret set API_TOKEN",
        )
    return name
