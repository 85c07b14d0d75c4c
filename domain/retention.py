"""How long the files and logs of what has ended are kept."""

from __future__ import annotations

DAYS_DEFAULT = 30
"""Of a project for which nobody said otherwise."""
DAYS_MAX = 36_500
DAY_US = 86_400_000_000


def kept_until_us(finished_at_us: int, days: int) -> int:
    """When the files of an execution that ended then are due to go (microseconds since 1970)."""
    return finished_at_us + days * DAY_US
