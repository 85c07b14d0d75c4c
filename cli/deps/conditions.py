"""What a condition around an import means for a script that will run on Linux, read off its text."""

from __future__ import annotations

import ast
from typing import Any

PLATFORM = {"sys.platform": "linux", "os.name": "posix", "platform.system()": "Linux"}
CATCHES = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}
ENDS = {"exit", "quit", "sys.exit", "os._exit"}


def truth(test: ast.expr) -> bool | None:
    """Whether `test` holds there; None when its text does not say."""
    if isinstance(test, ast.Constant):
        return bool(test.value)
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = truth(test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        return combined(test)
    if dotted(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING", "t.TYPE_CHECKING"):
        return False
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        return compared(test)
    if isinstance(test, ast.Call) and isinstance(test.func, ast.Attribute) and test.func.attr == "startswith":
        value, start = PLATFORM.get(dotted(test.func.value)), literal(test.args[0]) if test.args else None
        return value.startswith(start) if value and isinstance(start, str) else None
    return None


def combined(test: ast.BoolOp) -> bool | None:
    """`and` and `or`: one part may decide it."""
    parts = [truth(each) for each in test.values]
    decisive = isinstance(test.op, ast.Or)
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def compared(test: ast.Compare) -> bool | None:
    """`sys.platform == "win32"` and the like."""
    value, other, operator = PLATFORM.get(dotted(test.left)), literal(test.comparators[0]), test.ops[0]
    if value is None or other is None:
        return None
    if isinstance(operator, ast.Eq | ast.NotEq) and isinstance(other, str):
        return (value == other) == isinstance(operator, ast.Eq)
    if isinstance(operator, ast.In | ast.NotIn) and isinstance(other, tuple | list | set | str):
        return (value in other) == isinstance(operator, ast.In)
    return None


def of_version(test: ast.expr) -> bool:
    """Whether `test` asks for the version of Python, so that either branch may be the one."""
    return any(dotted(node) in ("sys.version_info", "six.PY2", "six.PY3") for node in ast.walk(test))


def literal(node: ast.expr) -> Any:
    """The value of a constant; None for anything else."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def dotted(node: ast.AST) -> str:
    """`sys.platform` of the expression that says so, `platform.system()` of that call; empty for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (inner := dotted(node.value)):
        return f"{inner}.{node.attr}"
    if isinstance(node, ast.Call) and not node.args and (inner := dotted(node.func)):
        return f"{inner}()"
    return ""


def catching(handlers: list[ast.ExceptHandler]) -> list[ast.ExceptHandler]:
    """Those of `handlers` that a module that is missing leads to."""
    return [each for each in handlers if each.type is None or catches(each.type)]


def catches(kind: ast.expr) -> bool:
    """Whether `except kind` catches a module that is missing."""
    parts = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(dotted(each).rpartition(".")[2] in CATCHES for each in parts)


def gives_up(handler: ast.ExceptHandler) -> bool:
    """Whether it ends the script or raises: then what was tried is needed after all."""
    for node in handler.body:
        if isinstance(node, ast.Raise):
            return True
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and dotted(node.value.func) in ENDS:
            return True
    return False


def suppresses(statement: ast.With) -> bool:
    """`with suppress(ImportError):`"""
    calls = [item.context_expr for item in statement.items if isinstance(item.context_expr, ast.Call)]
    return any(
        dotted(call.func) in ("suppress", "contextlib.suppress") and any(catches(arg) for arg in call.args)
        for call in calls
    )
