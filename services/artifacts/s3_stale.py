"""What in a bucket nobody asked for in a while, or went on with: found by listing, page by page. All of it blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any

from domain.errors import NotFound
from services.artifacts import s3_uploads
from services.artifacts.s3_client import translated
from services.artifacts.s3_objects import DAMAGED, INCOMING, Objects, age_seconds

PAGE = 1000


def accounts(objects: Objects) -> Iterator[str]:
    """The accounts that have anything stored."""
    prefix = objects.place.prefix
    with translated(objects.place):
        for found in objects.client.list_objects(objects.place.bucket, prefix=prefix or None):
            if found.is_dir:
                yield str(found.object_name)[len(prefix) :].rstrip("/")


def page(objects: Objects, account: str, after: str) -> list[tuple[str, float]]:
    """(key, age in seconds) of the next objects of an account; none behind the last."""
    with translated(objects.place):
        found = objects.client.list_objects(
            objects.place.bucket, prefix=f"{objects.place.prefix}{account}/", recursive=True, start_after=after or None
        )
        return [(str(each.object_name), age_seconds(each.last_modified)) for each in islice(found, PAGE)]


def swept(objects: Objects, before: datetime, damaged_before: datetime) -> int:
    """Abort the uploads that nobody went on with since `before`, remove what came and was not verified since then, and what
    was set aside before `damaged_before`; how many."""
    count = 0
    for upload in list(s3_uploads.under_way(objects, objects.place.prefix)):
        if not s3_uploads.gone_on_with(objects, upload, before):
            count += _aborted(objects, upload)
    for account in list(accounts(objects)):
        count += _removed(objects, f"{account}/{INCOMING}/", before)
        count += _removed(objects, f"{account}/{DAMAGED}/", damaged_before)
    return count


def _aborted(objects: Objects, upload: Any) -> bool:
    """False when it was over meanwhile."""
    with suppress(NotFound), translated(objects.place):
        objects.client._abort_multipart_upload(objects.place.bucket, upload.object_name, str(upload.upload_id))
        return True
    return False


def _removed(objects: Objects, folder: str, before: datetime) -> int:
    """How many objects directly in `folder` were older, and are gone now."""
    count = 0
    with translated(objects.place):
        for left in objects.client.list_objects(objects.place.bucket, prefix=f"{objects.place.prefix}{folder}"):
            if not left.is_dir and left.last_modified and left.last_modified < before:
                objects.client.remove_object(objects.place.bucket, str(left.object_name))
                count += 1
    return count
