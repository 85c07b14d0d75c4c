"""A member as the index tells it, one line each."""

from __future__ import annotations

import json
from typing import Any

from .places import folder_of


def entry(
    item: dict[str, Any], listed: list[dict[str, Any]], flat: bool, standing: list[str] | None = None
) -> dict[str, Any]:
    """A result as the index tells it. `folder` is relative to that of the index; null when nothing came home."""
    found, reason = item.get("outputs") or {}, item.get("reason") or {}
    told: dict[str, Any] = {
        "index": item["index"],
        "name": item["member"],
        "execution": item["id"],
        "status": item["status"],
        "exit_code": item.get("exit_code"),
        "attempt": item.get("attempt"),
        "duration_ms": item.get("duration_ms"),
        "cost_micros": item.get("cost_micros"),
        "outputs": listed,
        "outputs_count": found.get("count") or 0,
        "folder": None if not listed else "." if flat else folder_of(item["member"]),
    }
    if item["status"] != "succeeded":
        told["reason"] = {"code": reason.get("code"), "message": reason.get("message")}
        told["error_line"] = item.get("error_line")
    if item.get("reused_from"):
        told["reused_from"] = item["reused_from"]
    if found.get("refused"):
        told["refused"] = item.get("outputs_refused") or []
        told["refused_count"] = found["refused"]
    if standing:
        told["standing"] = standing
    return told


def line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode()


def waiting(position: int, member: str, typed: str) -> dict[str, Any]:
    """A member of which nothing is known yet."""
    return {"index": position, "input": typed, "name": member, "execution": None, "status": "open", "outputs": []}
