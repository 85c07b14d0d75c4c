"""What lists and sums can be narrowed to, the same words on every route."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import Query

from gateway.fields import NAME_CHARS_MAX, TAG_CHARS_MAX, TAG_NAME_CHARS_MAX, TAGS_MAX
from gateway.reading import ID_PATTERN

TAG = r"^[^=\x00-\x1f\x7f]+=[^\x00-\x1f\x7f]*$"
SCRIPT_CHARS_MAX = 4096
CURSOR_CHARS_MAX = 100

OneTag = Annotated[str, Query(max_length=TAG_NAME_CHARS_MAX + TAG_CHARS_MAX + 1, pattern=TAG)]
Tags = Annotated[list[OneTag] | None, Query(max_length=TAGS_MAX, description="k=v, may be repeated; all must match.")]
Named = Annotated[str | None, Query(max_length=NAME_CHARS_MAX)]
OfProject = Annotated[str | None, Query(max_length=NAME_CHARS_MAX)]
OfScript = Annotated[str | None, Query(max_length=SCRIPT_CHARS_MAX)]
OfBatch = Annotated[str | None, Query(pattern=ID_PATTERN, description="Members of this batch only.")]
Cursor = Annotated[str | None, Query(max_length=CURSOR_CHARS_MAX)]


def tag_map(tags: Iterable[str] | None) -> dict[str, str]:
    """`["k=v"]` as a mapping."""
    return dict(each.split("=", 1) for each in tags or ())
