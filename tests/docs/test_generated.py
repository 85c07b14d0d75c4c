"""docs/EVENTS.md and docs/WIRING.md are what the code declares."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

GENERATE = Path(__file__).resolve().parents[2] / "docs" / "generate.py"


def test_the_pages_are_up_to_date() -> None:
    made = subprocess.run([sys.executable, str(GENERATE), "--check"], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
