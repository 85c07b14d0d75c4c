"""Default deny: nothing behind this middleware is reached without a good key; what is exempt is a list.

A key is looked up in the read model at most every KEY_CACHE_SECONDS, so a revoked one is refused within seconds, also on
a WebSocket that is already open (`Keys.still_good`).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from domain.catalog import ACCOUNT
from domain.errors import Forbidden, RgridError, Unauthenticated, Unavailable
from gateway.errors import error_response
from gateway.tickets import Tickets
from projections.queries import KeyRow, Queries
from services.runtime import keys
from services.runtime.log import EventLog, Ref
from services.runtime.statuses import public_code

EXEMPT = ("/healthz", "/readyz", "/api/v1/openapi.json", "/blobs/")
"""Paths that need no key: two probes, the description of the API, and the blob door, which signatures guard."""
KEY_CACHE_SECONDS = 2.0
KEYS_CACHED_MAX = 10_000
BEHIND_SECONDS_MAX = 1.0
SIGN_IN = "Send a key with the header Authorization: Bearer rgk_… (make one: rgrid keys create)."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `actor` is how the log names them."""

    account: str
    key_id: str

    @property
    def actor(self) -> str:
        return f"key:{self.key_id}"


class Keys:
    """From a key in plain text to its account."""

    def __init__(self, queries: Queries, log: EventLog) -> None:
        self._queries = queries
        self._log = log
        self._cache: OrderedDict[str, tuple[float, KeyRow]] = OrderedDict()

    async def caller(self, plaintext: str) -> Caller:
        """Whose key this is; raises Unauthenticated for a malformed, unknown or revoked one."""
        key_id, secret = keys.parse(plaintext)
        row = await self._found(key_id)
        if row is None or not keys.verify(secret, row.secret_sha256):
            raise Unauthenticated("This key is not known here.", details={"key_id": key_id})
        if row.revoked_at_us is not None:
            raise Unauthenticated("This key was revoked.", details={"key_id": key_id})
        return Caller(row.account, key_id)

    async def still_good(self, caller: Caller) -> bool:
        """Whether the key still opens."""
        row = await self._found(caller.key_id)
        return row is not None and row.revoked_at_us is None

    async def _found(self, key_id: str) -> KeyRow | None:
        """None only when the log knows no such key either: read models that are built anew have forgotten nobody.

        Raises Unavailable when they are too far behind to tell.
        """
        try:
            row = await self._row(key_id)
            if row is None:
                await self._queries.wait_for(await self._log.last_position(), BEHIND_SECONDS_MAX)
                row = await self._row(key_id)
            return row
        except Unavailable:
            if key_id not in self._cache:
                raise
            return await self._in_log(self._cache[key_id][1])

    async def _row(self, key_id: str) -> KeyRow | None:
        now = time.monotonic()
        cached = self._cache.get(key_id)
        if cached is not None and now - cached[0] < KEY_CACHE_SECONDS:
            return cached[1]
        row = await self._queries.key(key_id)
        if row is not None:
            self._keep(row)
        return row

    async def _in_log(self, known: KeyRow) -> KeyRow | None:
        """A key that was seen before, as it stands in the log: without Postgres one can still cancel what runs."""
        history = await self._log.load(Ref(known.account, ACCOUNT.name, known.account))
        state, revoked_at_us = ACCOUNT.initial, None
        for recorded in history.commits:
            for event in recorded.commit.events:
                state = ACCOUNT.evolve(state, event)
                if known.key_id in state.revoked and revoked_at_us is None:
                    revoked_at_us = recorded.commit.at_us
        row = replace(known, revoked_at_us=revoked_at_us) if known.key_id in state.keys else None
        if row is not None:
            self._keep(row)
        return row

    def _keep(self, row: KeyRow) -> None:
        self._cache[row.key_id] = (time.monotonic(), row)
        self._cache.move_to_end(row.key_id)
        if len(self._cache) > KEYS_CACHED_MAX:
            self._cache.popitem(last=False)


class Authenticate:
    """The middleware: puts the Caller into the request's state, or answers 401."""

    def __init__(self, app: ASGIApp, keys: Keys, tickets: Tickets, hosts: Sequence[str] = ()) -> None:
        self.app = app
        self.keys = keys
        self.tickets = tickets
        self.hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or exempt(scope["path"]):
            await self.app(scope, receive, send)
            return
        try:
            scope["state"]["caller"] = await self._caller(scope)
        except RgridError as refused:
            answer = error_response(
                public_code(refused), refused.message, scope["state"]["request_id"], details=refused.details
            )
            if scope["type"] == "websocket":
                await receive()
            await answer(scope, receive, send)
            return
        await self.app(scope, receive, send)

    async def _caller(self, scope: Scope) -> Caller:
        headers = Headers(scope=scope)
        if scope["type"] == "websocket":
            self._check_origin(headers)
            tickets = parse_qs(scope["query_string"].decode("latin-1")).get("ticket")
            if tickets and "authorization" not in headers:
                ticket = self.tickets.redeem(tickets[0])
                return Caller(ticket.account, ticket.key_id)
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise Unauthenticated(f"This needs a key. {SIGN_IN}")
        return await self.keys.caller(given)

    def _check_origin(self, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is None:
            return
        host = urlsplit(origin).netloc.lower()
        if host != headers.get("host", "").lower() and host not in self.hosts:
            raise Forbidden("A page of another origin may not open this stream.", details={"origin": origin[:200]})


def exempt(path: str) -> bool:
    """Whether this path is on the list of what needs no key."""
    return any(path.startswith(each) if each.endswith("/") else path == each for each in EXEMPT)


async def caller_of(connection: HTTPConnection) -> Caller:
    """Dependency of every route: who asks (the middleware saw to it that there is one)."""
    caller = connection.scope["state"]["caller"]
    assert isinstance(caller, Caller)
    return caller
