"""An S3-compatible store for the artifacts (RGRID_S3_*): not launched, but it must answer and let us in."""

from __future__ import annotations

import json
import subprocess
import sys

from services.local.environments import s3_environment
from services.local.problem import Problem
from services.runtime.settings import Settings

TRIAL_SECONDS_MAX = 60.0


def check_s3(settings: Settings) -> str:
    """Where the store is. Raises Problem when it does not answer, or does not let us work.

    In a process of its own: the supervisor needs no S3 client in its memory afterwards.
    """
    where = f"{settings.s3_endpoint}, bucket {settings.s3_bucket}"
    command = [sys.executable, "-P", "-m", "services.local.try_s3"]
    given = json.dumps(s3_environment(settings))
    try:
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, timeout=TRIAL_SECONDS_MAX, cwd="/", check=False
        )
        words = (done.stderr.strip().splitlines() or ["it does not say why"])[-1] if done.returncode else ""
    except subprocess.TimeoutExpired:
        words = "it does not answer"
    if words:
        raise Problem(
            f"The S3 store ({where}) does not let us work: {words}",
            "It was set by RGRID_S3_ENDPOINT, with RGRID_S3_BUCKET, RGRID_S3_ACCESS_KEY and RGRID_S3_SECRET_KEY.",
            "Correct them, or unset RGRID_S3_ENDPOINT to keep artifacts in a folder. See docs/external-servers.md",
            code="S3_REFUSED",
        )
    return where
