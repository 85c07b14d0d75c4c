"""`doctor`: every check as a row, with what to do where something is wrong."""

from __future__ import annotations

import json
import os
import tomllib

from domain.errors import RgridError
from services.local.check import Check, checked
from services.local.checks_grid import grid_checks
from services.local.checks_machine import machine_checks
from services.local.home import Home, home_from
from services.local.problem import Problem
from services.runtime.settings import load


def doctor(as_json: bool) -> int:
    """1 when any check fails, 0 otherwise."""
    checks = list(_all())
    failed = [each for each in checks if each.state == "fail"]
    if as_json:
        rows = [each.plain() for each in checks]
        print(json.dumps({"schema_version": 1, "ok": not failed, "checks": rows}))
        return 1 if failed else 0
    for each in checks:
        print("\n".join(each.lines()))
    print("  next       " + ("what ✘ says" if failed else "rgrid run SCRIPT"))
    return 1 if failed else 0


def _all() -> list[Check]:
    home = home_from(os.environ)
    try:
        settings = load(os.environ)
    except RgridError as error:
        return [Check("settings", "fail", error.message, "Correct or unset it.")]
    return [*machine_checks(home, settings), checked("config", lambda: _config(home)), *grid_checks(home)]


def _config(home: Home) -> str:
    """The person's own defaults for `rgrid run`, when there are some. Raises Problem."""
    path = home.root / "config.toml"
    try:
        found = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        return "no config.toml: nothing but the defaults"
    except ValueError as wrong:
        raise Problem(f"{path} does not read: {wrong}", fix="Correct it, or move it away.") from wrong
    return f"{path} sets {', '.join(found) or 'nothing'}"
