"""What stops the embedded grid, in the words a person needs: what failed, why, and what to type."""

from __future__ import annotations

import errno
from pathlib import Path

from domain.errors import RgridError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class Problem(RgridError):
    """`what` failed, `why`, and `fix`: the line to type or the thing to change."""

    code = "LOCAL_GRID"

    def __init__(self, what: str, why: str = "", fix: str = "", *, code: str | None = None) -> None:
        super().__init__(what, code=code, details={"why": why, "fix": fix})
        self.what, self.why, self.fix = what, why, fix

    def lines(self) -> list[str]:
        """The message as it is printed, one thought a line."""
        return [line for line in (self.what, self.why and f"  {self.why}", self.fix and f"  {self.fix}") if line]


def as_problem(error: RgridError) -> Problem:
    """Any error of ours as one that can be printed."""
    return error if isinstance(error, Problem) else Problem(error.message, code=error.code)


def from_os_error(error: OSError, path: Path | str) -> Problem:
    """The words for what the operating system answered while we wrote below `path`."""
    if error.errno in DISK_FULL:
        return Problem(
            f"The disk that holds {path} is full.",
            "The log must be able to write, so the grid does not start.",
            f"Make room (df -h {path}), then: rgrid up",
            code="DISK_FULL",
        )
    if isinstance(error, PermissionError):
        return Problem(
            f"No permission for {error.filename or path}.",
            "It probably belongs to another user, for example after a start with sudo.",
            f"Look at its owner (ls -ld {error.filename or path}), or choose another RGRID_HOME.",
            code="NO_PERMISSION",
        )
    return Problem(f"{error.filename or path}: {error.strerror or error}.", fix="Check it with: rgrid doctor")
