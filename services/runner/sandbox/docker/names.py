"""Names of images, as people and registries write them."""

from __future__ import annotations

import re

REFERENCE = re.compile(
    r"(?:[A-Za-z0-9][\w.:-]*/)*[A-Za-z0-9][\w.-]*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?|sha256:[0-9a-f]{64}"
)
"""Names of images: nothing else gets into a path of the engine's API."""


def by_version(name: str) -> tuple[str, list[int]]:
    """Sorts the newest version of each first."""
    repository, _, tag = name.rpartition(":")
    return repository, [-int(part) for part in tag.split(".") if part.isdigit()]


def with_tag(name: str) -> str:
    """Without one the engine would fetch all there are."""
    return name if "@" in name or ":" in name.rpartition("/")[2] else f"{name}:latest"
