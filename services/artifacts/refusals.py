"""How the blob door says no: with the statuses and the shape of the API."""

from __future__ import annotations

import errno
import json

from domain.errors import RgridError, Unavailable
from services.runtime.statuses import RETRY_AFTER_SECONDS, STATUS_BY_CODE, public_code

FULL = (errno.ENOSPC, errno.EDQUOT)


def of_os_error(error: OSError) -> RgridError:
    """What a failing disk means to the client."""
    if error.errno in FULL:
        message = (
            "The disk that keeps the artifacts is full. Nothing of this upload was kept; try again when there is room."
        )
        return Unavailable(message, code="DISK_FULL")
    return Unavailable(f"The artifact store failed: {error.strerror or error}.", code="STORE_FAILED")


def response(error: RgridError, request_id: str, docs: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """(status, headers, body) that tell a client of `error`. `docs`: the page on errors."""
    code = public_code(error)
    content = {
        "code": code,
        "message": error.message,
        "details": error.details,
        "request_id": request_id,
        "docs": f"{docs}#{code.lower()}",
    }
    headers = [("content-type", "application/json")]
    if error.code in RETRY_AFTER_SECONDS:
        headers.append(("retry-after", str(RETRY_AFTER_SECONDS[error.code])))
    if error.code == "UPLOAD_OFFSET_MISMATCH":
        headers.append(("upload-offset", str(error.details["offset"])))
    if error.code == "RANGE_NOT_SATISFIABLE":
        headers.append(("content-range", f"bytes */{error.details['size_bytes']}"))
    if error.code == "METHOD_NOT_ALLOWED":
        headers.append(("allow", "GET, HEAD, PATCH, POST, PUT"))
    if error.code == "UPLOAD_STALLED":
        headers.append(("connection", "close"))
    return STATUS_BY_CODE[code], headers, json.dumps({"error": content}).encode()
