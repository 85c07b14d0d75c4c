"""When another attempt follows, and when it is enough."""

from __future__ import annotations

BACKOFF_SECONDS_FIRST = 1.0
BACKOFF_SECONDS_MAX = 60.0
PLATFORM_BACKOFF_SECONDS_MAX = 10.0
PLATFORM_FAULTS_MAX = 5
"""After so many faults of the platform an execution ends as `lost`: something is wrong that trying again does not mend."""
RETRIES_MAX = 100
FUTILE_CODES = frozenset({"ENVIRONMENT_FAILED", "SECRET_UNAVAILABLE"})
"""Why a script failed that fails the same way again: its retries are spared."""


def script_backoff_seconds(failures: int) -> float:
    """Wait after the `failures`-th failure of the script: 1, 2, 4 ... at most 60 s."""
    return min(BACKOFF_SECONDS_FIRST * 2.0 ** (failures - 1), BACKOFF_SECONDS_MAX)


def platform_backoff_seconds(faults: int) -> float:
    """Wait after the `faults`-th fault of the platform: none the first time, then 1, 2, 4 ... at most 10 s."""
    return 0.0 if faults <= 1 else min(2.0 ** (faults - 2), PLATFORM_BACKOFF_SECONDS_MAX)
