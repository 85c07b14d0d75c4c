"""From error code to HTTP status: one table for the API and the blob door, so that one code means one thing."""

from __future__ import annotations

from collections.abc import Mapping

from domain.errors import RgridError

STATUS_BY_CODE: Mapping[str, int] = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "SIGNATURE_INVALID": 403,
    "URL_EXPIRED": 403,
    "WRONG_OPERATION": 403,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "UPLOAD_STALLED": 408,
    "ARTIFACTS_EXPIRED": 409,
    "BLOBS_MISSING": 409,
    "CONFLICT": 409,
    "PARTS_MISSING": 409,
    "READ_BEHIND": 409,
    "SECRETS_OFF": 409,
    "STALE_LEASE": 409,
    "UPLOAD_BUSY": 409,
    "UPLOAD_OFFSET_MISMATCH": 409,
    "WRONG_STATE": 409,
    "BLOB_TOO_LARGE": 413,
    "TOO_LARGE": 413,
    "ENCODING_UNKNOWN": 415,
    "RANGE_NOT_SATISFIABLE": 416,
    "AMBIGUOUS_ID": 422,
    "ENCODING_DAMAGED": 422,
    "HASH_MISMATCH": 422,
    "IDEMPOTENCY_MISMATCH": 422,
    "INVALID_CURSOR": 422,
    "INVALID_LOCK": 422,
    "INVALID_REQUEST": 422,
    "REFUSED": 422,
    "SECRET_UNKNOWN": 422,
    "SIZE_MISMATCH": 422,
    "TOO_MANY": 422,
    "TOO_MANY_STREAMS": 429,
    "BLOB_DAMAGED": 500,
    "DAMAGED_HISTORY": 500,
    "INTERNAL": 500,
    "STORE_FAILED": 500,
    "UNAVAILABLE": 503,
    "DISK_FULL": 507,
}
RETRY_AFTER_SECONDS: Mapping[str, int] = {
    "DISK_FULL": 30,
    "READ_BEHIND": 1,
    "UNAVAILABLE": 1,
    "UPLOAD_BUSY": 1,
}


def public_code(error: RgridError) -> str:
    """The code that callers see: the error's own if the table has it, else that of its nearest class in the tree."""
    codes = (error.code, *(getattr(each, "code", "") for each in type(error).__mro__))
    return next((code for code in codes if code in STATUS_BY_CODE), "INTERNAL")
