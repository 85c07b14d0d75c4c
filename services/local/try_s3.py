"""Whether the S3 store of the settings lets us work: the bucket is there or can be made, and takes and gives an object.

`python -m services.local.try_s3`, the settings on stdin as JSON by their RGRID_* names.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import sys

from domain.errors import RgridError
from services.artifacts.chosen import place_of
from services.artifacts.s3_client import ready
from services.artifacts.s3_objects import Objects
from services.runtime.settings import Settings, load

PROBE_ACCOUNT = "probe"


async def trouble(settings: Settings) -> str:
    """What stands in the way; empty when nothing does."""
    try:
        place = place_of(settings)
        await asyncio.to_thread(ready, place)
        objects = Objects(place)
        content = secrets.token_bytes(32)
        sha256 = hashlib.sha256(content).hexdigest()
        await objects.run(lambda: objects.put(PROBE_ACCOUNT, sha256, content))
        await objects.run(lambda: objects.removed(objects.key(PROBE_ACCOUNT, sha256)))
        objects.close()
    except RgridError as error:
        return error.message
    except Exception as error:  # whatever a server or a setting can come up with is said, not traced
        return str(error) or type(error).__name__
    return ""


if __name__ == "__main__":
    found = asyncio.run(trouble(load(json.loads(sys.stdin.read()))))
    if found:
        sys.exit(found)
