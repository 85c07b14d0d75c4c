"""What to lock: requirements as somebody wrote them, ready for the resolver."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pins import Lock


@dataclass(slots=True)
class Requirements:
    """What to lock: requirements and constraints as uv takes them, and what was not taken over."""

    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    projects: list[tuple[Path, str]] = field(default_factory=list)
    """Folders that are asked for as they are (`-e .`), each with its extras."""
    notes: list[str] = field(default_factory=list)

    def kept(self) -> Lock | None:
        """The file itself, when it is a complete lock already."""
        from .pins import lock_of, read_pin

        try:
            lock = lock_of(read_pin(line) for line in self.lines)
        except ValueError:
            return None
        return lock if lock.complete and lock.pins and not self.projects and not self.constraints else None

    def asked(self) -> list[str]:
        """The requirements without their hashes, as the resolver gets them."""
        from .pins import HASH

        return [HASH.sub("", line).strip() for line in self.lines]
