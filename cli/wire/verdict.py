"""What the blob door's answer to an upload means: it is stored, try again, ask for a new URL, or give up."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

from ..errors import CliError
from .blob import Blob
from .patience import Patience


class Verdict(Enum):
    STORED = 1
    AGAIN = 2
    RENEW = 3


def judged(patience: Patience, blobs: list[Blob], status: int, text: str, headers: dict[str, str]) -> Verdict:
    """Waits a moment before it says AGAIN or RENEW. Raises CliError when trying again is of no use."""
    if status < 300:
        patience.progress()
        return Verdict.STORED
    message, code = said(text)
    if status in (401, 403, 410):
        patience.wait(message or "a signed URL expired")
        return Verdict.RENEW
    if status in (408, 409, 425, 429) or status >= 500:
        patience.wait(message or f"HTTP {status}", float(headers.get("retry-after", "0") or 0))
        return Verdict.AGAIN
    if status in (400, 422) and code in ("HASH_MISMATCH", "SIZE_MISMATCH"):
        for blob in blobs:
            blob.still_same()
    raise CliError(f"The grid refused an upload: {message or f'HTTP {status}'}.", code=code or "UPLOAD_REFUSED")


def said(text: str) -> tuple[str, str]:
    """Message and code of an error body; empty when it is none of ours."""
    try:
        error: Any = json.loads(text)["error"]
        return str(error["message"]), str(error["code"])
    except (ValueError, KeyError, TypeError):
        return "", ""
