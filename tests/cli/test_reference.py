"""docs/cli.md is what the commands say."""

import subprocess
import sys

from cli.reference import PAGE


def test_the_page_is_up_to_date():
    made = subprocess.run(
        [sys.executable, "-c", "from cli.reference import page; print(page(), end='')"], capture_output=True
    )
    assert PAGE.read_bytes() == made.stdout, "docs/cli.md is stale: make docs"
