"""What of a batch is at home so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import CliError


@dataclass(slots=True)
class Home:
    """What is at home so far, and what is not and why."""

    brought: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Files and bytes by member."""
    standing: list[str] = field(default_factory=list)
    """The first few files that were there before and differ."""
    standing_count: int = 0
    refused: int = 0
    problem: CliError | None = None
    """The first thing that went wrong with a member."""

    def total(self) -> tuple[int, int, int]:
        """Members, files and bytes at home."""
        all_of_them = list(self.brought.values())
        return len(all_of_them), sum(files for files, _ in all_of_them), sum(size for _, size in all_of_them)
