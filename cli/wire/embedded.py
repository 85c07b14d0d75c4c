"""Hand over to the program that keeps the embedded grid: this process becomes it, with its terminal and its signals."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from .grid import environment


def become(*words: str) -> NoReturn:
    """`python -m services.local …`"""
    become_module("services.local", *words)


def become_module(module: str, *words: str) -> NoReturn:
    """Replace this process by a module of this very installation; -P: a folder here of its name is not meant."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, "-P", "-m", module, *words], environment())
