"""The supervisor stays as long as the grid does, so it must not carry what only its children need."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("aiohttp", "asyncio", "asyncpg", "fastapi", "nats", "orjson", "pydantic", "uvloop")


def test_the_supervisor_imports_no_library_of_the_parts_it_launches() -> None:
    script = "import sys, services.local.up, services.local.grid; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=True)
    assert not set(HEAVY) & set(done.stdout.split())
