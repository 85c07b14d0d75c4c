"""One row of `rgrid doctor`: what was looked at, how it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from services.local.problem import Problem

MARKS = {"ok": "✔", "warn": "!", "fail": "✘"}


@dataclass(frozen=True, slots=True)
class Check:
    """`state` is ok, warn (works, but less than it could) or fail (does not work)."""

    name: str
    state: str
    message: str
    fix: str = ""

    def lines(self) -> list[str]:
        first = f"{MARKS[self.state]} {self.name:<12} {self.message}"
        return [first, f"{'':<15}{self.fix}"] if self.fix else [first]

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def checked(name: str, look: Callable[[], str]) -> Check:
    """ok with what `look()` answers; fail with the words of the Problem it raises."""
    try:
        return Check(name, "ok", look())
    except Problem as problem:
        return Check(name, "fail", f"{problem.what} {problem.why}".strip(), problem.fix)
    except OSError as error:
        return Check(name, "fail", str(error))
