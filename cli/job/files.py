"""The files of a plan as the grid takes them: hashed, listed, and beyond a bound the list itself as a blob."""

from __future__ import annotations

import json
from typing import Any

from ..wire.blob import Blob, entry, of_bytes, of_file
from .inputs import Plan, mode_of

INLINE_MAX = 256
"""More inputs than this travel as a manifest blob, a JSON list of entries."""


def hashed(plan: Plan) -> dict[str, Blob]:
    """The blob of each file by the path that the script sees, sorted; raises UsageProblem."""
    return {name: of_file(path) for name, path in sorted(plan.files.items())}


def listed(blobs: dict[str, Blob], plan: Plan) -> list[dict[str, Any]]:
    return [entry(name, blob, mode_of(plan.files[name])) for name, blob in blobs.items()]


def manifest_of(entries: list[dict[str, Any]]) -> Blob | None:
    """The list as a blob, when it is too long to travel in a request."""
    return of_bytes(json.dumps(entries, separators=(",", ":")).encode()) if len(entries) > INLINE_MAX else None
