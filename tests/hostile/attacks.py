"""What an attack is: a script that means harm, how its execution is to end, and what it is to have said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from domain.execution.job import Limits

MIB = 1024**2
CONFINED = ("bubblewrap", "warm", "docker")
EVERYWHERE = (*CONFINED, "process")


@dataclass(frozen=True)
class Attack:
    """`says` stands on its stdout. `where` are the sandboxes that keep it; `args`: `{home}` is that of the grid.

    `ends` are the codes of the reasons that it may end for, `OK` meaning that it succeeded.
    """

    name: str
    script: str
    ends: tuple[str, ...] = ("OK",)
    says: str = ""
    where: tuple[str, ...] = CONFINED
    runtime: str = "python"
    args: tuple[str, ...] = ()
    inputs: Mapping[str, bytes] = field(default_factory=dict)
    network: bool = False
    goes_on: float = 0.1
    """Seconds between what it says and its cancel, where it is to end by one."""
    memory: int = 128 * MIB
    disk: int = 1024 * MIB
    timeout: float = 120.0
    outputs: tuple[str, ...] | None = ()
    """Paths that come home; None: whatever."""
    refused: tuple[str, ...] | None = ()
    """Paths that do not, and are named."""

    harmless: bool = False
    """It only tries what must be refused: nobody looks whether the next run succeeds."""

    @property
    def limits(self) -> Limits:
        return Limits(1000, self.memory, self.timeout, self.disk)

    @property
    def options(self) -> dict[str, Any]:
        return {"runtime": self.runtime, "args": self.args, "network": self.network, "limits": self.limits}


def each(attacks: list[Attack]) -> pytest.MarkDecorator:
    """One test for every attack, named after it."""
    return pytest.mark.parametrize("attack", attacks, ids=[attack.name for attack in attacks])


REFUSED = """
import ctypes, errno, os, signal, socket, struct, subprocess, sys
LIBC = ctypes.CDLL(None, use_errno=True)

def call(*arguments):
    done = LIBC.syscall(*(ctypes.c_long(each) if isinstance(each, int) else each for each in arguments))
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done

def libc(name, *arguments):
    done = getattr(LIBC, name)(*arguments)
    if done < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return done

def read(path):
    return open(path, "rb").read()

def write(path, data=b"1"):
    with open(path, "wb", 0) as file:
        return file.write(data)

def ran(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=20).returncode == 0

def refused(action):
    try:
        got = action()
    except (OSError, ValueError) as error:
        print("refused:", error, file=sys.stderr)
        return
    if got:
        sys.exit(f"it got {got!r}"[:500])
"""
"""What scripts begin with that try what must not work: `refused(lambda: …)` fails unless it raises, or gives nothing."""


def tries(name: str, *actions: str, before: str = "", **options: Any) -> Attack:
    """An attack by expressions, each of which must come to nothing."""
    lines = [f"refused(lambda: {action})" for action in actions]
    script = "\n".join([REFUSED, before, *lines, 'print("all refused")'])
    return Attack(name, script, says="all refused\n", harmless=True, **options)
