"""The last word of a box: what its process 1 tells of the script's end, as far as it can be true."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

MARGIN_MS = 1000
"""Clocks and the kernel's count of time do not agree to the millisecond."""


@dataclass(frozen=True, slots=True)
class Word:
    """`status` as wait(2) has it; `cpu_ms` and `peak` (bytes) are of all that the script waited for."""

    status: int
    cpu_ms: int
    peak: int

    @classmethod
    def of(cls, said: bytes, wall_ms: int) -> Word:
        """`wall_ms`: how long there was a box. Raises ValueError for what cannot be."""
        try:
            told = json.loads(said)
            word = cls(*(told[name] for name in ("status", "cpu_ms", "peak")))
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError("no word of an end") from error
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        _bounded(word.status, 0xFFFF)
        _bounded(word.cpu_ms, (wall_ms + MARGIN_MS) * (os.cpu_count() or 1))
        _bounded(word.peak, memory)
        if not (os.WIFEXITED(word.status) or os.WIFSIGNALED(word.status)):
            raise ValueError("a status of no end")
        return word


def _bounded(number: object, most: int) -> None:
    if type(number) is not int or not 0 <= number <= most:
        raise ValueError(f"{number!r} is not within 0 and {most}")
