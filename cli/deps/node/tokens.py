"""JavaScript cut into words, strings and signs: comments, templates and regular expressions are told apart from them."""

from __future__ import annotations

import re
from collections.abc import Iterator

SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?(?:\*/|\Z))+", re.DOTALL)
WORD = re.compile(r"[\w$\u0080-\uffff]+")
STRING = re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)
REGEX = re.compile(r"/(?:[^/\\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+/\w*")
BEFORE_REGEX = frozenset(
    (
        "return",
        "typeof",
        "case",
        "in",
        "of",
        "delete",
        "void",
        "throw",
        "new",
        "else",
        "do",
        "instanceof",
        "await",
        "yield",
    )
)
PLAIN = re.compile(r"(?:[^`\\$]|\\.|\$(?!\{))*", re.DOTALL)


def tokens(text: str) -> Iterator[tuple[str, str, int]]:
    """(kind, text, line): kind is `word`, `string` (its content, escapes as written) or `sign`."""
    at, line, last = 0, 1, ""
    braces: list[bool] = []
    """For each open brace: whether it stands in a template."""
    if text.startswith("#!"):
        at = text.find("\n") if "\n" in text else len(text)
    while at < len(text):
        if space := SPACE.match(text, at):
            line += space.group().count("\n")
            at = space.end()
            continue
        if word := WORD.match(text, at):
            yield "word", word.group(), line
            at, last = word.end(), word.group()
            continue
        sign = text[at]
        closes = sign == "}" and bool(braces) and braces.pop()
        if sign == "`" or closes:
            plain = PLAIN.match(text, at + 1)
            end = plain.end() if plain else at + 1
            line += text.count("\n", at, end)
            opened = text.startswith("${", end)
            if opened:
                braces.append(True)
            elif sign == "`" and not closes:
                yield "string", text[at + 1 : end], line
            at, last = end + (2 if opened else 1), "{" if opened else "`"
            continue
        found = STRING.match(text, at) or (REGEX.match(text, at) if sign == "/" and begins_regex(last) else None)
        if found:
            if sign != "/":
                yield "string", found.group()[1:-1], line
            line += found.group().count("\n")
            at, last = found.end(), "'"
            continue
        if sign == "{":
            braces.append(False)
        yield "sign", sign, line
        at, last = at + 1, sign


def begins_regex(last: str) -> bool:
    """Whether a slash behind `last` begins a regular expression: it does where no value stands before it."""
    return not last or last in BEFORE_REGEX or not (last in (")", "]", "}", "'", "`") or bool(WORD.fullmatch(last)))
