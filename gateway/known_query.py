"""Refuses a query parameter that the route does not know: a mistyped filter must not answer as if it were none."""

from __future__ import annotations

import difflib

from fastapi.routing import APIRoute
from starlette.requests import Request

from domain.errors import Invalid


async def only_known_query(request: Request) -> None:
    """Dependency of every HTTP route of the API; raises Invalid and names the nearest parameter."""
    route = request.scope.get("route")
    if not request.query_params or not isinstance(route, APIRoute):
        return
    known = {parameter.alias for each in _dependants(route) for parameter in each.query_params}
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        near = difflib.get_close_matches(unknown[0], sorted(known), n=1)
        help_ = f" Did you mean {near[0]!r}?" if near else f" It knows: {', '.join(sorted(known)) or 'none'}."
        raise Invalid(f"There is no parameter {unknown[0][:80]!r} here.{help_}", details={"unknown": unknown[:20]})


def _dependants(route: APIRoute):  # type: ignore[no-untyped-def]
    """The route's own parameters and those of what it depends on."""
    pending = [route.dependant]
    while pending:
        dependant = pending.pop()
        yield dependant
        pending += dependant.dependencies
