"""What of a batch is at home so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import CliError


@dataclass(slots=True)
class Home:
    """What is at home so far, and what is not and why.

    Members come in any order, several at a time. What is told of those that did not is that of the first in the order of
    the inputs, so that the same folder is answered with the same words every time.
    """

    brought: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Files and bytes by member."""
    standing: tuple[int, str] | None = None
    """The first file that was there before and differs, behind the position of its member."""
    standing_count: int = 0
    blocked: tuple[int, str] | None = None
    """Why not even --force would put the first such file there."""
    refused_count: int = 0
    refused: tuple[int, CliError] | None = None
    """What was wrong with the first member that is not whole."""
    problem: CliError | None = None
    """What has stopped all of it."""

    def stood(self, position: int, standing: list[str], blocked: str) -> None:
        """In these places of a member something else stands; `blocked`: see `unmovable`."""
        self.standing_count += len(standing)
        if not self.standing or position < self.standing[0]:
            self.standing = position, standing[0]
        if blocked and (not self.blocked or position < self.blocked[0]):
            self.blocked = position, blocked

    def refuse(self, position: int, failed: CliError) -> None:
        """A member is not whole at home."""
        self.refused_count += 1
        if not self.refused or position < self.refused[0]:
            self.refused = position, failed

    def total(self) -> tuple[int, int, int]:
        """Members, files and bytes at home."""
        all_of_them = list(self.brought.values())
        return len(all_of_them), sum(files for files, _ in all_of_them), sum(size for _, size in all_of_them)
