"""Locks of small real packages, resolved once for all tests from the index that this machine's settings lead to."""

from __future__ import annotations

import os
import subprocess
from functools import cache

from services.runner.environments.uv import config_arguments, find_uv, uv_environment

PYTHON = "3.11"


@cache
def locked(*names: str) -> bytes:
    """What the command line would lock for these requirements."""
    command = [str(find_uv()), "pip", "compile", "--quiet", *config_arguments(os.environ), "--universal"]
    command += [
        "--python-version",
        PYTHON,
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "-",
    ]
    done = subprocess.run(
        command, input="\n".join(names).encode(), capture_output=True, env=uv_environment(os.environ), check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
