"""What in a bucket nobody asked for in a while, or went on with: found by listing, page by page. All of it blocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from services.artifacts.s3_client import translated
from services.artifacts.s3_objects import Objects, age_seconds

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


def swept(objects: Objects, before: datetime) -> int:
    """Abort the uploads begun, and remove what came and was never verified, before that time; how many."""
    count, bucket, client = 0, objects.place.bucket, objects.client
    with translated(objects.place):
        for upload in client._list_multipart_uploads(bucket, prefix=objects.place.prefix or None).uploads:
            if upload.initiated_time and upload.initiated_time < before:
                client._abort_multipart_upload(bucket, upload.object_name, str(upload.upload_id))
                count += 1
    for account in list(accounts(objects)):
        with translated(objects.place):
            for left in client.list_objects(bucket, prefix=f"{objects.place.prefix}{account}/incoming/"):
                if not left.is_dir and left.last_modified and left.last_modified < before:
                    client.remove_object(bucket, str(left.object_name))
                    count += 1
    return count
