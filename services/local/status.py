"""`status`: what of the grid runs, by process."""

from __future__ import annotations

import json
import os
from typing import Any

from services.local.home import home_from
from services.local.lock import holder, running_grid
from services.local.supervisor import children


def status(as_json: bool) -> int:
    """0 when the grid is up and ready, 1 when it is not."""
    found = look()
    if as_json:
        print(json.dumps({"schema_version": 1, **found}))
        return 0 if found["state"] == "up" else 1
    print(f"{found['state']:<9} {found.get('api_url', '')} {found['home']}".rstrip())
    for name, pid in found["parts"].items():
        print(f"  {name:<12} pid {pid}")
    print("  next       " + ("rgrid run SCRIPT" if found["state"] == "up" else "rgrid up -d"))
    return 0 if found["state"] == "up" else 1


def look() -> dict[str, Any]:
    """`state` (up, starting, down), the pids of the `parts`, and what grid.json says."""
    home = home_from(os.environ)
    supervisor, grid = holder(home), running_grid(home)
    state = "down" if supervisor is None else "up" if grid else "starting"
    parts = {name: who.pid for name, who in children(home).items()}
    if supervisor is not None:
        parts = {"supervisor": supervisor.pid, **parts}
    return {"state": state, "home": str(home.root), **(grid or {} if state == "up" else {}), "parts": parts}
