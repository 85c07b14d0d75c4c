"""A lock in the one form that the grid knows: every package with its version and hashes, sorted, no host anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from .installed import normal

PIN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?P<extras>\[[^\]]*\])?\s*==\s*(?P<version>[A-Za-z0-9.!+_-]+)"
    r"\s*(?:;(?P<marker>.*))?"
)
HASH = re.compile(r"--hash[=\s]\s*(\w+):([0-9a-fA-F]+)")


class Pin(NamedTuple):
    """One version of a package, where `marker` holds; `hashes` are SHA-256."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def text(self) -> str:
        head = f"{self.name}=={self.version}" + (f" ; {self.marker}" if self.marker else "")
        return " \\\n".join([head, *(f"    --hash=sha256:{each}" for each in self.hashes)]) + "\n"


class Lock(NamedTuple):
    """All packages of an environment."""

    pins: tuple[Pin, ...]

    def text(self) -> str:
        """The same for the same packages, whoever wrote them down."""
        return "".join(pin.text() for pin in self.pins)

    @property
    def packages(self) -> int:
        """How many different ones."""
        return len({normal(pin.name) for pin in self.pins})

    @property
    def complete(self) -> bool:
        """Whether every one has a hash."""
        return all(pin.hashes for pin in self.pins)


def lock_of(pins: Iterable[Pin]) -> Lock:
    return Lock(tuple(sorted(set(pins), key=lambda pin: (normal(pin.name), pin.marker, pin.version))))


def read_lock(text: str) -> Lock:
    """The lock in a requirements file. Raises ValueError (with the line) for one that is no pin."""
    return lock_of(read_pin(line) for line in logical_lines(text))


def read_pin(line: str) -> Pin:
    """Raises ValueError for a line that is not `name==version`, perhaps with hashes. What an extra adds stands in a
    line of its own, so its name is left out."""
    bare = HASH.sub("", line).strip()
    found = PIN.fullmatch(bare)
    if found is None or "*" in found["version"]:
        raise ValueError(line)
    hashes = tuple(sorted({value.lower() for kind, value in HASH.findall(line) if kind == "sha256"}))
    return Pin(found["name"], found["version"], (found["marker"] or "").strip(), hashes)


def logical_lines(text: str) -> Iterator[str]:
    """Lines without comments, those that end in a backslash joined with the next."""
    held = ""
    for line in text.splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line).rstrip()
        if bare.endswith("\\"):
            held += bare[:-1] + " "
            continue
        whole, held = (held + bare).strip(), ""
        if whole:
            yield whole
    if held.strip():
        yield held.strip()
