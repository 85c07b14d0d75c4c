"""Packages that need a newer Python than was thought are locked for that one."""

from __future__ import annotations

from pathlib import Path

from ..errors import UsageProblem
from .declared import Declared
from .interpreter import minor_of
from .locking import Locked, locked
from .trouble import newer_python


def locked_from(
    wanted: Declared, script: Path, python: str, *, builds: bool = False, renew: bool = False
) -> tuple[Locked, str]:
    """The lock for Python `python` and newer, or for the oldest one that its packages allow; which one it became.

    Raises CliError.
    """
    try:
        return locked(wanted, script, python, builds=builds, renew=renew), python
    except UsageProblem as wrong:
        newer = newer_python(wrong)
        needed, thought = minor_of(f"python{newer}"), minor_of(f"python{python}")
        if needed is None or thought is None or needed <= thought:
            raise
    return locked(wanted, script, newer, builds=builds, renew=renew), newer
