"""Dataclasses to JSON and back. Unknown fields are ignored and missing ones take their default: both sides may grow.

A decoder is compiled once per class; types are checked, because what comes in may be another's word (a runner's fact).
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import orjson

from services.runtime.frozen import maker

T = TypeVar("T")
Decoder = Callable[[Any], Any]
_ATOMS: Mapping[type, tuple[type, ...]] = {int: (int,), float: (float, int), str: (str,), bool: (bool,)}


def to_json(value: Any) -> bytes:
    """JSON of a dataclass or plain data; raises ValueError for what JSON cannot hold (half a surrogate, 65-bit numbers)."""
    try:
        return orjson.dumps(value)
    except TypeError as error:
        raise ValueError(f"{type(value).__name__} cannot be written as JSON: {error}") from error


def to_plain(value: Any) -> Any:
    """Dicts, lists and atoms of a dataclass, exactly as JSON would give them back."""
    return orjson.loads(to_json(value))


def from_json(cls: type[T], data: bytes) -> T:
    """A `cls` out of JSON; raises ValueError when it is not one."""
    return from_plain(cls, orjson.loads(data))


def from_plain(cls: type[T], data: Any) -> T:
    """A `cls` (dataclass) out of plain data; raises ValueError when a field is missing or of another type."""
    return typing.cast(T, decoder(typing.cast(Any, cls))(data))


@cache
def decoder(wanted: Any) -> Decoder:
    """The function that makes a `wanted` (dataclass, atom, Optional, tuple or dict of those) out of plain data."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if wanted is Any:
        return lambda value: value
    if wanted in _ATOMS:
        return _atom(wanted)
    if is_dataclass(wanted):
        return _dataclass(typing.cast(type, wanted))
    if origin in (typing.Union, types.UnionType) and len(arguments) == 2 and arguments[1] is type(None):
        inner = decoder(arguments[0])
        return lambda value: None if value is None else inner(value)
    if origin is tuple:
        return _tuple(arguments)
    if origin is dict and arguments[0] is str:
        return _dict(decoder(arguments[1]))
    raise TypeError(f"events and messages cannot hold {wanted}")


def _atom(wanted: type) -> Decoder:
    allowed = _ATOMS[wanted]

    def decode(value: Any) -> Any:
        if value.__class__ not in allowed:
            raise ValueError(f"{value!r:.80} is not {wanted.__name__}")
        return value

    return decode


def _dataclass(wanted: type) -> Decoder:
    """Compiled for this class, as dataclasses do with their own methods: most of what is decoded are commits, field by
    field, and a loop over the fields takes twice as long."""
    hints = get_type_hints(wanted)
    scope: dict[str, Any] = {"wanted": wanted, "make": maker(wanted), "missing": MISSING, "refuse": _no_object}
    lines = [
        "def decode(data):",
        "    if data.__class__ is not dict: raise refuse(wanted, data)",
        "    get = data.get",
    ]
    for number, each in enumerate(fields(wanted)):
        hint = hints[each.name]
        scope[f"absent{number}"], scope[f"decode{number}"] = _absent(wanted, each), decoder(hint)
        made = f"absent{number}() if v{number} is missing else decode{number}(v{number})"
        lines.append(f"    v{number} = get({each.name!r}, missing)")
        unless = f"if v{number}.__class__ is not {hint.__name__}: " if hint in _ATOMS else ""
        lines.append(f"    {unless}v{number} = {made}")
    lines.append(f"    return make({', '.join(f'v{number}' for number, _ in enumerate(fields(wanted)))})")
    exec("\n".join(lines), scope)
    return typing.cast(Decoder, scope["decode"])


def _no_object(wanted: type, data: Any) -> ValueError:
    return ValueError(f"{wanted.__name__} is an object, not {data!r:.80}")


def _absent(wanted: type, field: Any) -> Callable[[], Any]:
    """What stands for a field that is missing."""
    if field.default is not MISSING:
        return lambda: field.default
    if field.default_factory is not MISSING:
        factory: Callable[[], Any] = field.default_factory
        return factory

    def refuse() -> Any:
        raise ValueError(f"{wanted.__name__} lacks {field.name}")

    return refuse


def _tuple(arguments: tuple[Any, ...]) -> Decoder:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        each = decoder(arguments[0])
        return lambda value: tuple([each(item) for item in _list(value)])
    members = [decoder(argument) for argument in arguments]

    def decode(value: Any) -> Any:
        if len(_list(value)) != len(members):
            raise ValueError(f"{len(members)} values wanted, not {len(value)}")
        return tuple([member(item) for member, item in zip(members, value, strict=True)])

    return decode


def _list(value: Any) -> Any:
    if value.__class__ is not list:
        raise ValueError(f"{value!r:.80} is not a list")
    return value


def _dict(each: Decoder) -> Decoder:
    def decode(value: Any) -> Any:
        if value.__class__ is not dict:
            raise ValueError(f"{value!r:.80} is not an object")
        return {key: each(item) for key, item in value.items()}

    return decode
