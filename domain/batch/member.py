"""One member of a batch, and its JSON checked piece by piece, so that a list written by hand is answered in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.errors import Invalid
from domain.files import FileRef, checked_path, checked_tree, file_ref

INPUTS_MAX = 16
"""Files of one member's own. What all of them read is shared, and stored once."""
ARGS_MAX = 1000
SHA256_CHARS = 64
KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Member:
    """`name`: the folder that its results come home to, unique in the batch. `args` follow the arguments of the batch."""

    name: str
    args: tuple[str, ...] = ()
    inputs: tuple[FileRef, ...] = ()


def member_of(data: Any) -> Member:
    """The member out of its JSON {name, args: [text], inputs: [{path, sha256, size_bytes, mode}]}; raises Invalid."""
    if type(data) is not dict:
        raise Invalid(f"it is {_kind(data)}, not an object {{name, args, inputs}}")
    name = _text(data, "name")
    args, listed = _list(data, "args", ARGS_MAX), _list(data, "inputs", INPUTS_MAX)
    odd = next((arg for arg in args if type(arg) is not str), "")
    if odd != "":
        raise Invalid(f"args is a list of texts; one of them is {_kind(odd)}")
    inputs = tuple(_input(each) for each in listed)
    checked_tree([each.path for each in inputs])
    return Member(checked_path(name), tuple(args), inputs)


def _input(data: Any) -> FileRef:
    if type(data) is not dict:
        raise Invalid(f"inputs is a list of objects {{path, sha256, size_bytes, mode}}; one of them is {_kind(data)}")
    path = checked_path(_text(data, "path"))
    for field in ("size_bytes", "mode"):
        number = data.get(field, 0 if field == "mode" else None)
        if type(number) is not int or number < 0:
            raise Invalid(f"the {field} of {path!r} is {_said(data, field)}, not a whole number from 0 on")
    if len(_text(data, "sha256")) != SHA256_CHARS:
        raise Invalid(f"the sha256 of {path!r} does not have {SHA256_CHARS} characters")
    return file_ref(data)


def _text(data: dict[str, Any], field: str) -> str:
    value = data.get(field)
    if type(value) is not str:
        raise Invalid(f"{field} is {_said(data, field)}, not a text")
    return value


def _list(data: dict[str, Any], field: str, most: int) -> list[Any]:
    value = data.get(field, [])
    if type(value) is not list:
        raise Invalid(f"{field} is {_kind(value)}, not a list")
    if len(value) > most:
        raise Invalid(f"{field} has {len(value):,} entries, of at most {most:,}")
    return value


def _said(data: dict[str, Any], field: str) -> str:
    return _kind(data[field]) if field in data else "missing"


def _kind(value: Any) -> str:
    """What it is, as people who write JSON call it."""
    return KINDS.get(type(value)) or f"the number {value}"[:40]
