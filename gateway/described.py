"""What the OpenAPI description says beside what the routes themselves say: errors, examples, how to sign in."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

TEXT, COUNT = {"type": "string"}, {"type": "integer"}
ERROR_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "details", "request_id", "docs"],
            "properties": {
                "code": TEXT,
                "message": TEXT,
                "details": {"type": "object"},
                "request_id": TEXT,
                "docs": TEXT,
            },
        }
    },
    "example": {
        "error": {
            "code": "NOT_FOUND",
            "message": "There is no execution 'exec_7f3k2m'. List them with: rgrid ps",
            "details": {"id": "exec_7f3k2m"},
            "request_id": "req_0123456789abcdef",
            "docs": "docs/errors.md#not_found",
        }
    },
}
MEANINGS = {
    401: "No key, an unknown key, or a revoked one.",
    403: "Not for this caller.",
    404: "There is no such thing in this account.",
    409: "It does not fit to how things are now (BLOBS_MISSING, WRONG_STATE, READ_BEHIND, CONFLICT).",
    413: "The body is too large.",
    422: "The request itself is wrong.",
    503: "A part of the platform does not answer; try again (Retry-After says when).",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The declared error responses of a route: these, and those that every route has."""
    return {
        status: {"description": MEANINGS[status], "content": {"application/json": {"schema": ERROR_SCHEMA}}}
        for status in sorted({401, 422, 503, *statuses})
    }


def shape(description: str, required: dict[str, Any], example: Any, **optional: Any) -> dict[str, Any]:
    """A declared JSON response: an object with these properties."""
    schema = {"type": "object", "required": list(required), "properties": {**required, **optional}}
    return {"description": description, "content": {"application/json": {"schema": schema, "example": example}}}


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the key that everything needs unless a route says otherwise."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemes = {"key": {"type": "http", "scheme": "bearer", "description": "An API key: rgk_…"}}
        document.setdefault("components", {})["securitySchemes"] = schemes
        document["security"] = [{"key": []}]
        app.openapi_schema = document
    return app.openapi_schema


def allowed(app: FastAPI, path: str) -> str:
    """All methods that some route serves at `path`, for the Allow header; empty when none does.

    A path that is described as it stands is not also the id of something.
    """
    paths = describe(app)["paths"]
    items = [paths[path]] if path in paths else [item for template, item in paths.items() if _fits(template, path)]
    return ", ".join(sorted({method.upper() for item in items for method in item}))


def _fits(template: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(template)), path) is not None
