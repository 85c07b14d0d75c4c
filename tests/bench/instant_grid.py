"""The embedded grid as `rgrid up` starts it, with tests/bench/instant_runner.py for its runner. Used by grid.py."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import services.local.grid
from services.local.__main__ import main
from services.local.home import Home
from services.local.parts import run_module
from services.local.supervisor import Part


def instant_runner(home: Home, environment: Mapping[str, str]) -> Part:
    return Part("runner", lambda: run_module(home, "runner", "tests.bench.instant_runner", environment))


if __name__ == "__main__":
    services.local.grid.runner_part = instant_runner
    sys.exit(main(["up", "--notify", sys.argv[1]]))
