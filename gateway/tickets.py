"""Single-use tickets: how a browser, which cannot set a header on a WebSocket, shows who it is."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from domain.errors import Unauthenticated, Unavailable

TICKET_SECONDS = 30.0
TICKETS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Ticket:
    account: str
    key_id: str
    expires: float


class Tickets:
    """The tickets of this gateway process; at most TICKETS_MAX are out at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._out: dict[str, Ticket] = {}

    def issue(self, account: str, key_id: str) -> str:
        """A new ticket for the bearer of this key; raises Unavailable when too many are out."""
        self._drop_expired()
        if len(self._out) >= TICKETS_MAX:
            raise Unavailable("Too many tickets are out; try again in a moment.")
        ticket = f"rgt_{secrets.token_urlsafe(24)}"
        self._out[ticket] = Ticket(account, key_id, self._clock() + TICKET_SECONDS)
        return ticket

    def redeem(self, ticket: str) -> Ticket:
        """Who it was issued to; raises Unauthenticated when it was used, is too old or was never issued."""
        found = self._out.pop(ticket, None)
        if found is None or found.expires < self._clock():
            raise Unauthenticated(
                "This ticket was used, is too old or was never issued. Get another: POST /api/v1/tickets"
            )
        return found

    def _drop_expired(self) -> None:
        now = self._clock()
        for ticket, issued in list(self._out.items()):
            if issued.expires >= now:
                break
            del self._out[ticket]
