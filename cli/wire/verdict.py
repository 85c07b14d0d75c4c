"""What the blob door's answer to an upload means: it is stored, try again, ask for a new URL, or give up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from ..errors import CliError
from .blob import Blob
from .patience import Patience

RETRY_AFTER_MAX = 30.0


class Verdict(Enum):
    STORED = 1
    AGAIN = 2
    RENEW = 3


def judged(patience: Patience, blobs: list[Blob], status: int, text: str, headers: dict[str, str]) -> Verdict:
    """Waits a moment before it says AGAIN or RENEW. Raises CliError when trying again is of no use."""
    message, code = said(text)
    if is_page(headers):
        message, code = page(status), "NOT_RGRID"
    elif status < 300:
        patience.progress()
        return Verdict.STORED
    if status in (401, 403, 404, 410) and code in ("", "URL_EXPIRED", "SIGNATURE_INVALID"):
        patience.wait(message or "a signed URL expired")
        return Verdict.RENEW
    if status in (408, 409, 425, 429) or status >= 500:
        patience.wait(message or f"HTTP {status}", seconds(headers))
        return Verdict.AGAIN
    if status in (400, 422) and code in ("HASH_MISMATCH", "SIZE_MISMATCH"):
        for blob in blobs:
            blob.still_same()
    raise CliError(f"The grid refused an upload: {message or f'HTTP {status}'}.", code=code or "UPLOAD_REFUSED")


def is_page(headers: Mapping[str, str]) -> bool:
    """Somebody in between answered: neither the blob door nor a store sends HTML."""
    return headers.get("content-type", "").lower().startswith("text/html")


def page(status: int) -> str:
    """What such an answer says."""
    return f"a web page came instead of the store's answer, HTTP {status}: is a proxy in between?"


def seconds(headers: Mapping[str, str]) -> float:
    """What Retry-After asks for, within reason; 0 when it does not say in seconds."""
    try:
        return min(RETRY_AFTER_MAX, max(0.0, float(headers.get("retry-after", "0"))))
    except ValueError:
        return 0.0


def said(text: str) -> tuple[str, str]:
    """Message and code of an error body; empty when it is none of ours."""
    try:
        error: Any = json.loads(text)["error"]
        return str(error["message"]), str(error["code"])
    except (ValueError, KeyError, TypeError):
        return "", ""
