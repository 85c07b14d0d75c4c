"""pylock.toml (PEP 751) as the lock that the grid knows: read as it is, nothing is resolved again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import UsageProblem
from ..terminal.screen import clean
from .declared import toml
from .pins import Lock, Pin, lock_of
from .sound import direct
from .upward import shown


def read_pylock(path: Path) -> Lock:
    """Raises UsageProblem for a package that comes from elsewhere than an index, or without a SHA-256."""
    data = toml(path)
    where = shown(path)
    packages = data.get("packages")
    if str(data.get("lock-version", "")).partition(".")[0] != "1" or not isinstance(packages, list):
        text = f"{clean(where)} is no lock of PEP 751, version 1."
        raise UsageProblem(text, "Make it anew: uv export -o pylock.toml", code="REQUIREMENTS_INVALID")
    return lock_of(pin_of(each, where) for each in packages if isinstance(each, dict) and "directory" not in each)


def pin_of(package: dict[str, Any], where: str) -> Pin:
    name = str(package.get("name", "?"))
    if "vcs" in package or "archive" in package:
        raise direct(where, name)
    files = [*(package.get("wheels") or []), *([package["sdist"]] if "sdist" in package else [])]
    hashes = {str((each.get("hashes") or {}).get("sha256", "")) for each in files if isinstance(each, dict)} - {""}
    if not hashes or "version" not in package:
        text = f"{clean(where)} gives no version and SHA-256 for {clean(name)}."
        raise UsageProblem(text, "Make it anew: uv export -o pylock.toml", code="REQUIREMENTS_INVALID")
    return Pin(name, str(package["version"]), str(package.get("marker", "")), tuple(sorted(hashes)))
