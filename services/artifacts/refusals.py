"""How the blob door says no: one table from error code to HTTP status, one shape of body."""

from __future__ import annotations

import errno
import json

from domain.errors import RgridError, Unavailable

STATUS = {
    "INVALID_REQUEST": 400,
    "SIGNATURE_INVALID": 403,
    "URL_EXPIRED": 403,
    "WRONG_OPERATION": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "UPLOAD_STALLED": 408,
    "UPLOAD_OFFSET_MISMATCH": 409,
    "UPLOAD_BUSY": 409,
    "BLOB_TOO_LARGE": 413,
    "ENCODING_UNKNOWN": 415,
    "RANGE_NOT_SATISFIABLE": 416,
    "SIZE_MISMATCH": 422,
    "HASH_MISMATCH": 422,
    "ENCODING_DAMAGED": 422,
    "BLOB_DAMAGED": 500,
    "STORE_FAILED": 500,
    "DISK_FULL": 507,
}
RETRY_AFTER_SECONDS = {"DISK_FULL": 30, "UPLOAD_BUSY": 1}
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
    content = {
        "code": error.code,
        "message": error.message,
        "details": error.details,
        "request_id": request_id,
        "docs": f"{docs}#{error.code.lower()}",
    }
    headers = [("content-type", "application/json")]
    if error.code in RETRY_AFTER_SECONDS:
        headers.append(("retry-after", str(RETRY_AFTER_SECONDS[error.code])))
    if error.code == "UPLOAD_OFFSET_MISMATCH":
        headers.append(("upload-offset", str(error.details["offset"])))
    if error.code == "RANGE_NOT_SATISFIABLE":
        headers.append(("content-range", f"bytes */{error.details['size_bytes']}"))
    if error.code == "METHOD_NOT_ALLOWED":
        headers.append(("allow", "GET, HEAD, PATCH, PUT"))
    if error.code == "UPLOAD_STALLED":
        headers.append(("connection", "close"))
    return STATUS.get(error.code, 500), headers, json.dumps({"error": content}).encode()
