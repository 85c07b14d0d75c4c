"""`make bench`: every figure, each beside its baseline of the same run. `python -m tests.bench [NAME ...]` for some."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

NAMES = (
    *("starting", "commands", "first_line", "lifecycles", "flood", "rebuild", "reads", "transfer", "log_append"),
    *("batch", "members", "open_at_once", "attempts", "warm", "detect", "environments", "docker", "redaction"),
)


def main(chosen: list[str]) -> int:
    """Exit code 1 when one of them broke; a figure that misses its target is said, and breaks nothing."""
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        print(f"There is no figure called {unknown[0]!r}. There are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    began, broken = time.monotonic(), []
    for name in chosen or NAMES:
        command = [sys.executable, "-m", f"tests.bench.{name}"]
        if subprocess.run(command, cwd=Path(__file__).parents[2], check=False).returncode != 0:
            broken.append(name)
    print(f"{time.monotonic() - began:.0f} s" + (f"; broken: {', '.join(broken)}" if broken else ""))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
