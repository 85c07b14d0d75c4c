"""What a caller sees when something is wrong: one shape for all errors.

{"error": {"code", "message", "details", "request_id", "docs"}}
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from domain.errors import RgridError
from gateway.described import allowed
from services.runtime.statuses import RETRY_AFTER_SECONDS, STATUS_BY_CODE, public_code

CODE_BY_STATUS = {
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "TOO_LARGE",
}
"""For what the web framework itself answers."""
CLOSE_BY_CODE = {code: 4000 + status for code, status in STATUS_BY_CODE.items()}
"""Close codes of a log stream: 4000 and the status."""
VALIDATION_ERRORS_MAX = 20
DOCS = "docs/errors.md"

log = logging.getLogger("rgrid.gateway")


def error_body(code: str, message: str, details: Mapping[str, Any], request_id: str) -> dict[str, Any]:
    """The one shape; the log stream sends the same object in its error frame."""
    docs = f"{DOCS}#{code.lower()}"
    return {"code": code, "message": message, "details": dict(details), "request_id": request_id, "docs": docs}


def error_response(
    code: str,
    message: str,
    request_id: str,
    *,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The response for `code`; a code that the table does not know is a fault of ours (500)."""
    sent = dict(headers or {})
    if code in RETRY_AFTER_SECONDS:
        sent["Retry-After"] = str(RETRY_AFTER_SECONDS[code])
    if code == "UNAUTHENTICATED":
        sent["WWW-Authenticate"] = "Bearer"
    body = orjson.dumps({"error": error_body(code, message, details or {}, request_id)}, default=str)
    return Response(body, STATUS_BY_CODE.get(code, 500), sent, "application/json")


def request_id_of(request: Request) -> str:
    """The id that the outermost middleware gave this request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def install(app: FastAPI) -> None:
    """Let every error of a route, ours or the framework's, leave in the one shape."""
    app.add_exception_handler(RgridError, _ours)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _framework)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, RgridError)
    code = public_code(error)
    if STATUS_BY_CODE[code] >= 500:
        # What is away for a moment is no fault of the gateway's; probes ask many times a second.
        level = logging.ERROR if STATUS_BY_CODE[code] == 500 else logging.DEBUG
        log.log(level, "%s %s %s: %s", request_id_of(request), request.url.path, error.code, error.message)
    return error_response(code, error.message, request_id_of(request), details=error.details)


async def _validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [
        {"at": _sayable(".".join(str(part) for part in each["loc"])), "problem": _sayable(each["msg"])}
        for each in error.errors()[:VALIDATION_ERRORS_MAX]
    ]
    first = f"{found[0]['at']}: {found[0]['problem']}" if found else "it does not read"
    message = f"The request is not valid. {first}"
    return error_response("INVALID_REQUEST", message, request_id_of(request), details={"errors": found})


def _sayable(text: str) -> str:
    """Without half characters (lone surrogates), which JSON can carry in but not out."""
    return text.encode("utf-8", "replace").decode()


async def _framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = CODE_BY_STATUS.get(error.status_code, "INVALID_REQUEST")
    where = f"{request.method} {request.url.path}"
    messages = {
        "NOT_FOUND": f"There is nothing at {where}.",
        "METHOD_NOT_ALLOWED": f"{where} is not something to call; see the Allow header.",
    }
    message = messages.get(code, str(error.detail) or HTTPStatus(error.status_code).phrase)
    headers = dict(error.headers or {})
    if code == "METHOD_NOT_ALLOWED":
        headers["Allow"] = allowed(request.app, request.url.path) or headers.get("Allow", "")
    return error_response(code, message, request_id_of(request), headers=headers)
