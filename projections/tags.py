"""Tags as they are stored and filtered by."""

from __future__ import annotations

from collections.abc import Mapping

from projections.table import plain_text


def tag_texts(tags: Mapping[str, str]) -> list[str]:
    """`["k=v", ...]`, sorted."""
    return sorted(plain_text(f"{key}={value}") for key, value in tags.items())
