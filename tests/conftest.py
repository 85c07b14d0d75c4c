"""Fixtures live in `tests/fixtures`, one file per server they start."""

import os
from pathlib import Path

from hypothesis import HealthCheck, settings

pytest_plugins = [
    f"tests.fixtures.{path.stem}"
    for path in sorted((Path(__file__).parent / "fixtures").glob("*.py"))
    if path.stem != "__init__"
]

# How long an example takes says how busy the machine is. Where a change is judged, the same examples are tried each time.
settings.register_profile(
    "rgrid", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=bool(os.environ.get("CI"))
)
settings.load_profile("rgrid")
