"""The one connection of a process to NATS: made with patience, kept for ever, and quiet about it."""

from __future__ import annotations

import asyncio
import logging

import nats.errors

from domain.errors import Invalid, Unavailable
from services.runtime.bus import TIMEOUT_SECONDS, Bus
from services.runtime.client import LeanClient
from services.runtime.connection_url import Login, login_of
from services.runtime.settings import Settings
from services.runtime.versions import NATS_SERVER_MIN

log = logging.getLogger("rgrid.nats")

RECONNECT_WAIT_SECONDS = 0.1


async def connect(
    where: Settings | str,
    user: str = "",
    password: str = "",
    *,
    name: str = "rgrid",
    inbox_prefix: str = "_INBOX",
    wait_seconds: float | None = None,
) -> Bus:
    """Connect, retrying for ever, or for `wait_seconds` and then raise Unavailable. Checks the version of the server."""
    if isinstance(where, Settings):
        login = login_of(where.nats_url, where.nats_user, where.nats_password)
    else:
        login = login_of(where, user, password)
    client = LeanClient()
    watch = _Watch(name)
    try:
        await asyncio.wait_for(_connect(client, watch, login, inbox_prefix), wait_seconds)
    except (TimeoutError, nats.errors.Error, OSError) as error:
        await client.close()
        raise Unavailable(f"NATS at {login.url} does not answer: {watch.last or error}") from error
    try:
        check_version(str(client._server_info.get("version", "")))
        bus = watch.bus = Bus(client)
        await bus.start()
    except BaseException:
        await client.close()
        raise
    return bus


async def _connect(client: LeanClient, watch: _Watch, login: Login, inbox_prefix: str) -> None:
    await client.connect(
        servers=[login.url],
        user=login.user or None,
        password=login.password or None,
        name=watch.name,
        inbox_prefix=inbox_prefix,
        max_reconnect_attempts=-1,
        reconnect_time_wait=RECONNECT_WAIT_SECONDS,  # type: ignore[arg-type]  # fractions work
        connect_timeout=TIMEOUT_SECONDS,  # type: ignore[arg-type]
        ping_interval=10,
        max_outstanding_pings=2,
        # No buffer: while there is no connection a publish fails at once instead of being sent at some later time.
        pending_size=0,
        error_cb=watch.on_error,
        disconnected_cb=watch.on_disconnect,
        reconnected_cb=watch.on_reconnect,
    )


def check_version(version: str) -> None:
    """Raises Invalid (OLD_SERVER) for a server that lacks what the log stands on."""
    numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:2] if part.isdigit())
    if numbers < NATS_SERVER_MIN:
        wanted = ".".join(map(str, NATS_SERVER_MIN))
        message = f"nats-server {version or '(unknown version)'} is too old; rgrid needs {wanted} or newer"
        raise Invalid(message, code="OLD_SERVER", details={"version": version})


class _Watch:
    """One quiet line when the connection goes and when it comes back; errors in between only when they are new."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bus: Bus | None = None
        self.last = ""

    async def on_error(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        if text != self.last and not (isinstance(error, OSError) and "authorization" in self.last.lower()):
            # Who is refused is also hung up on: the refusal is what matters.
            self.last = text
            log.warning("%s: NATS: %s", self.name, text)

    async def on_disconnect(self) -> None:
        if self.bus is not None:
            self.bus.broke()
            if not self.bus.client.is_closed:
                log.warning("%s: the connection to NATS is lost; trying again", self.name)

    async def on_reconnect(self) -> None:
        self.last = ""
        log.info("%s: connected to NATS again", self.name)
        if self.bus is not None:
            self.bus.reconnected()
