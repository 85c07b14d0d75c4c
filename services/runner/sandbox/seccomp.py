"""A filter for system calls, as the kernel's seccomp takes it: classic BPF, made here from the tables of seccomp_calls.

It refuses with EPERM what those tables name, with ENOSYS what is younger than they are, and ends a program of a foreign
architecture with SIGSYS. bwrap loads it (`opened`), or seccomp_install where nobody calls bwrap.
"""

from __future__ import annotations

import errno
import os
import platform
import struct
from functools import cache

from services.runner.sandbox.seccomp_calls import (
    CLONE,
    CLONE3,
    IOCTL,
    MACHINES,
    NEW_NAMESPACES,
    NEW_TIME,
    OF_BOXES,
    OF_NEIGHBOURS,
    PERSONALITIES,
    PERSONALITY,
    REFUSED,
    TERMINAL_TRICKS,
    UNSHARE,
    YOUNGEST,
)

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Operations: a word of what is looked at; jump if equal, if not less, if any bit is set; answer."""
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
"""Where they stand in the kernel's seccomp_data. Of an argument (8 bytes) the lower half is what these calls look at."""
ALLOW, END, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000

Instruction = tuple[int, int, int, int]
"""(operation, instructions to skip if true, if false, operand)"""


@cache
def program(shared: bool = False, machine: str = "", makes_boxes: bool = False) -> bytes | None:
    """An array of `struct sock_filter` for this machine (or `machine`); None where its calls are not known.

    `shared`: for scripts beside which others run in the same box; they are not to look into one another. `makes_boxes`:
    for a program that is to make namespaces and mounts of its own.
    """
    machine = machine or platform.machine()
    if machine not in MACHINES:
        return None
    verdicts = _verdicts(list(MACHINES).index(machine), shared, makes_boxes)
    found = [(LOAD, 0, 0, ARCHITECTURE), (EQUAL, 1, 0, MACHINES[machine]), _answer(END), (LOAD, 0, 0, NUMBER)]
    found += _tree(_stretches(verdicts))
    return b"".join(struct.pack("=HBBI", *each) for each in found)


def opened(filter_program: bytes) -> int:
    """A descriptor from which bwrap reads the program, once."""
    fd = os.memfd_create("seccomp")
    os.write(fd, filter_program)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _answer(what: int) -> Instruction:
    return (RETURN, 0, 0, what)


ALLOWED, REFUSED_RIGHT, NOT_THERE = (
    [_answer(ALLOW)],
    [_answer(REFUSE | errno.EPERM)],
    [_answer(REFUSE | errno.ENOSYS)],
)


def _verdicts(column: int, shared: bool, makes_boxes: bool) -> dict[int, list[Instruction]]:
    """What is done about a call, by number, unless it is allowed."""
    names = {**REFUSED, **(OF_NEIGHBOURS if shared else {})}
    if makes_boxes:
        names = {name: both for name, both in names.items() if name not in OF_BOXES}
    found = {number: REFUSED_RIGHT for both in names.values() if (number := both[column]) is not None}
    if not makes_boxes:
        found[CLONE[column]] = _bits(0, NEW_NAMESPACES)
        found[UNSHARE[column]] = _bits(0, NEW_NAMESPACES | NEW_TIME)
    found[IOCTL[column]] = _values(1, TERMINAL_TRICKS, REFUSED_RIGHT, ALLOWED)
    found[PERSONALITY[column]] = _values(0, PERSONALITIES, ALLOWED, REFUSED_RIGHT)
    found[CLONE3[column]] = found[YOUNGEST + 1] = NOT_THERE
    return found


def _bits(argument: int, bits: int) -> list[Instruction]:
    """Refused with any of `bits` in its argument."""
    return [(LOAD, 0, 0, ARGUMENTS + 8 * argument), (ANY_BIT, 0, 1, bits), *REFUSED_RIGHT, *ALLOWED]


def _values(
    argument: int, values: tuple[int, ...], one: list[Instruction], other: list[Instruction]
) -> list[Instruction]:
    """One answer if the argument is among `values`, another if not."""
    found: list[Instruction] = [(LOAD, 0, 0, ARGUMENTS + 8 * argument)]
    found += [(EQUAL, len(values) - place, 0, value) for place, value in enumerate(values)]
    return [*found, *other, *one]


def _stretches(verdicts: dict[int, list[Instruction]]) -> list[tuple[int, list[Instruction]]]:
    """(first number, what is done), up to the next; the last has no end."""
    found = [(0, ALLOWED)]
    for number in range(YOUNGEST + 2):
        verdict = verdicts.get(number, ALLOWED)
        if verdict is not found[-1][1]:
            found.append((number, verdict))
    return found


def _tree(stretches: list[tuple[int, list[Instruction]]]) -> list[Instruction]:
    """By halves: the kernel runs through a program once for every call that there is when it is loaded."""
    if len(stretches) == 1:
        return stretches[0][1]
    middle = len(stretches) // 2
    below, above = _tree(stretches[:middle]), _tree(stretches[middle:])
    return [(AT_LEAST, len(below), 0, stretches[middle][0]), *below, *above]
