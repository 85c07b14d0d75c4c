"""What one Python file imports, and how badly: read from its syntax tree."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from .conditions import catching, dotted, gives_up, of_version, suppresses, truth

TOP, NESTED, OPTIONAL = 2, 1, 0
"""How much the file needs it: whenever it is loaded; at some time; it can do without."""
BY_NAME = ("importlib.import_module", "import_module", "__import__")


class Import(NamedTuple):
    """`import module`, or `from module import names` (`level`: how many dots stand before it)."""

    module: str
    line: int
    need: int
    names: tuple[str, ...] = ()
    level: int = 0
    unless: tuple[str, ...] = ()
    """It stands in for one of these modules: not needed where one of them is there."""


@dataclass(slots=True)
class Reader:
    """Goes through statements and notes the imports in them."""

    found: list[Import] = field(default_factory=list)

    def read(self, body: Iterable[ast.stmt], need: int, unless: tuple[str, ...] = ()) -> None:
        """Raises RecursionError for code that is nested too deeply."""
        for node in body:
            if isinstance(node, ast.Import):
                self.found += [Import(name.name, node.lineno, need, unless=unless) for name in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = tuple(name.name for name in node.names)
                self.found.append(Import(node.module or "", node.lineno, need, names, node.level, unless))
            elif isinstance(node, ast.If):
                self.branches(node, need, unless)
            elif isinstance(node, ast.Try | ast.TryStar):
                self.tried(node, need, unless)
            elif isinstance(node, ast.With) and suppresses(node):
                self.read(node.body, OPTIONAL, unless)
            elif isinstance(node, ast.ClassDef | ast.With | ast.AsyncWith):
                self.read(node.body, need, unless)
            else:
                self.read(below(node), min(need, NESTED), unless)

    def branches(self, node: ast.If, need: int, unless: tuple[str, ...]) -> None:
        """Only the branch that will be taken, where its text says which."""
        holds = truth(node.test)
        if holds is None:
            need = min(need, OPTIONAL if of_version(node.test) else NESTED)
        if holds is not False:
            self.read(node.body, need, unless)
        if holds is not True:
            self.read(node.orelse, need, unless)

    def tried(self, node: ast.Try | ast.TryStar, need: int, unless: tuple[str, ...]) -> None:
        """What is tried can be missing when somebody catches that and goes on."""
        caught = catching(node.handlers)
        start = len(self.found)
        goes_on = bool(caught) and not any(gives_up(each) for each in caught)
        self.read(node.body, OPTIONAL if goes_on else need, unless)
        tried = tuple(each.module for each in self.found[start:] if not each.level)
        for handler in node.handlers:
            stands_in = tried if handler in caught else unless
            self.read(handler.body, min(need, NESTED), stands_in or unless)
        self.read([*node.orelse, *node.finalbody], need, unless)


def below(node: ast.stmt) -> Iterator[ast.stmt]:
    """The statements right below a function, a loop or a match."""
    for name in ("body", "orelse"):
        yield from getattr(node, name, ())
    for case in getattr(node, "cases", ()):
        yield from case.body


def imports_of(source: bytes) -> list[Import]:
    """Every import of a file, in order. Raises SyntaxError, ValueError (no text) and RecursionError."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    reader = Reader()
    reader.read(tree.body, TOP)
    if b"import_module" in source or b"__import__" in source:
        reader.found += by_name(tree)
    return reader.found


def by_name(tree: ast.AST) -> list[Import]:
    """`importlib.import_module("yaml")`: a name that stands there can be followed, though nobody says it must be there."""
    return [
        Import(node.args[0].value, node.lineno, OPTIONAL)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and dotted(node.func) in BY_NAME
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
        and node.args[0].value.replace(".", "").isidentifier()
        and not node.args[0].value.startswith(".")
    ]
