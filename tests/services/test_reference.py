"""docs/EVENTS.md and docs/WIRING.md are what the code declares."""

from __future__ import annotations

import subprocess
import sys


def test_the_pages_are_up_to_date() -> None:
    made = subprocess.run([sys.executable, "-m", "services.reference", "--check"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
