"""The application as values: which middleware, which routes, in this order; composed here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware import Middleware
from starlette.responses import Response

from gateway import described, errors
from gateway.auth import Authenticate
from gateway.known_query import only_known_query
from gateway.middleware import Beside, BodyLimit, RequestIds
from gateway.parts import Parts
from gateway.reading import answer
from gateway.routes import (
    actions,
    batch_actions,
    batches,
    blobs,
    bulk,
    cost,
    environments,
    estimates,
    executions,
    grid,
    health,
    histories,
    keys,
    logs,
    members,
    outputs,
    projects,
    secrets,
    submit,
    submit_batch,
    tickets,
)
from services.artifacts.chosen import door_of
from services.runtime.versions import VERSION

BASE = "/api/v1"
BLOBS = "/blobs"
ROUTERS: tuple[APIRouter, ...] = (
    submit.router,
    bulk.router,
    executions.router,
    actions.router,
    submit_batch.router,
    batches.router,
    members.router,
    batch_actions.router,
    estimates.router,
    environments.router,
    histories.router,
    outputs.router,
    logs.router,
    logs.stream_router,
    blobs.router,
    cost.router,
    keys.router,
    projects.router,
    secrets.router,
    tickets.router,
    grid.router,
)
DESCRIPTION = (
    "Run a script over one input or ten thousand. Errors have one shape: {error: {code, message, details, …}}."
)


def create_app(parts: Parts, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None) -> FastAPI:
    """The gateway over `parts`."""
    app = FastAPI(
        title="rgrid",
        version=VERSION,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=[
            Middleware(RequestIds),
            Middleware(Beside, prefix=f"{BLOBS}/", door=door_of(parts.store)),
            Middleware(BodyLimit),
            Middleware(Authenticate, keys=parts.keys, tickets=parts.tickets, hosts=_hosts(parts)),
        ],
    )
    app.state.parts = parts
    errors.install(app)
    for router in ROUTERS:
        strict = [] if router is logs.stream_router else [Depends(only_known_query)]
        app.include_router(router, prefix=BASE, dependencies=strict)
    app.include_router(health.router)
    app.add_api_route(f"{BASE}/openapi.json", _description(app), include_in_schema=False)
    return app


def _description(app: FastAPI) -> Callable[[], Any]:
    async def openapi() -> Response:
        return answer(described.describe(app))

    return openapi


def _hosts(parts: Parts) -> tuple[str, ...]:
    """Origins of our own pages, beside the host that the request itself names."""
    return (urlsplit(parts.settings.base_url).netloc.lower(),)
