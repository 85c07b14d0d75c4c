"""How the value of a secret may turn up in a log: as it is, line by line, in other encodings, or as the usual tools write it."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

VALUE_BYTES_MIN = 4
"""A shorter one would blot out half of what a script says."""
PART_BYTES_MIN = 8
"""Of a line of the value, or of its base64 within other data."""
LINES_MAX = 128
"""So many lines of one value are looked for by themselves: a private key has 50."""
PARTS_MAX = 1024
"""So many lines in all the values of a run: each is searched for in everything that it says."""
WRAPPED_CHARS = 76
"""Of a line of base64, as the tool of that name writes it."""


def forms_of(values: Iterable[bytes]) -> frozenset[bytes]:
    """All byte strings that stand for one of `values`."""
    found: set[bytes] = set()
    parts: list[bytes] = []
    for value in values:
        bare = value.strip(b"\r\n")
        if len(bare) >= VALUE_BYTES_MIN:
            found.add(bare)
            found.update(_written(bare))
            parts += _lines(bare)
            for each in {bare, value}:
                found.update(_base64(each))
                parts += _wrapped(each)
    return frozenset(found.union(parts[:PARTS_MAX]))


def _lines(value: bytes) -> list[bytes]:
    lines = [line.strip() for line in value.split(b"\n")[:LINES_MAX]]
    return [line for line in lines if len(line) >= PART_BYTES_MIN]


def _wrapped(value: bytes) -> list[bytes]:
    whole = base64.b64encode(value)
    if len(whole) <= WRAPPED_CHARS:
        return []
    lines = [whole[at : at + WRAPPED_CHARS] for at in range(0, len(whole), WRAPPED_CHARS)]
    return [line for line in lines[:LINES_MAX] if len(line) >= PART_BYTES_MIN]


def _written(value: bytes) -> list[bytes]:
    """In a URL, in JSON, in a traceback, in hexadecimal, as text in other bytes."""
    urls = [quote(value, safe=""), quote(value), quote_plus(value)]
    found = [*urls, *(_PERCENT.sub(lambda each: each[0].lower(), url) for url in urls), repr(value)[2:-1]]
    found += [value.hex(), value.hex().upper()]
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return [each.encode() for each in found]
    same = {text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD"))}
    for each in same:
        escaped = json.dumps(each)[1:-1]
        found += [escaped, _ESCAPE.sub(lambda digits: digits[0].upper().replace("U", "u", 1), escaped)]
        found += [json.dumps(each, ensure_ascii=False)[1:-1], repr(each)[1:-1], ascii(each)[1:-1]]
    said = [each.encode() for each in found] + [each for text in same for each in _encoded(text)]
    return [each for each in said if len(each) >= VALUE_BYTES_MIN]


def _encoded(text: str) -> list[bytes]:
    """As programs of other systems write it."""
    found = [text.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be")]
    return [*found, text.encode("latin-1")] if all(each <= "\xff" for each in text) else found


_PERCENT = re.compile(r"%[0-9A-F]{2}")
_ESCAPE = re.compile(r"\\u[0-9a-f]{4}")


def _base64(value: bytes) -> list[bytes]:
    """By itself, and wherever it begins in other data: then without the characters that it shares with those."""
    whole = base64.b64encode(value)
    found = [whole, whole.rstrip(b"=")]
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(value)) * 8 // 6
        inner = base64.b64encode(bytes(before) + value)[first:last]
        found += [inner] if len(inner) >= PART_BYTES_MIN else []
    return found + [each.translate(_URL_SAFE) for each in found]


_URL_SAFE = bytes.maketrans(b"+/", b"-_")
