"""Multipart uploads as the store lists them: which are under way, and which parts of one are there. All of it blocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from domain.errors import NotFound
from services.artifacts.s3_client import translated
from services.artifacts.s3_objects import Objects

PAGE = 1000
MISNAMED = "self._next_upload_id_marker"
"""Under this name minio 7.2 keeps where the next page begins. Stores differ in what they order by: only theirs will do."""


def under_way(objects: Objects, prefix: str) -> Iterator[Any]:
    """The uploads (object_name, upload_id, initiated_time) to keys that begin with `prefix`, page by page."""
    key = upload = None
    while True:
        with translated(objects.place):
            found = objects.client._list_multipart_uploads(
                objects.place.bucket, prefix=prefix, max_uploads=PAGE, key_marker=key, upload_id_marker=upload
            )
        yield from found.uploads
        before = key, upload
        key, upload = found.next_key_marker, found.next_upload_id_marker or getattr(found, MISNAMED, None)
        if not found.is_truncated or (key, upload) in (before, (None, None)):
            return


def parts(objects: Objects, key: str, upload: str) -> Iterator[Any]:
    """The parts (part_number, etag, size, last_modified) of an upload that are there; none when it is over."""
    after: str | None = None
    while True:
        try:
            with translated(objects.place):
                page = objects.client._list_parts(objects.place.bucket, key, upload, part_number_marker=after)
        except NotFound:
            return
        yield from page.parts
        if not page.is_truncated:
            return
        after = str(page.next_part_number_marker)


def gone_on_with(objects: Objects, upload: Any, since: datetime) -> bool:
    """It was begun, or a part of it came, at `since` or later."""
    if upload.initiated_time is None or upload.initiated_time >= since:
        return True
    there = parts(objects, upload.object_name, str(upload.upload_id))
    return any(part.last_modified is None or part.last_modified >= since for part in there)
