"""What a process says and hears over its one connection to NATS: publish with acknowledgement, request, subscribe.

Answers to all publishes and requests come to one inbox of our own and are told apart by a token: nats-py would pay a
task and a timer for each. When the connection breaks, whoever waits learns at once that nobody knows (Unavailable).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from domain.errors import Invalid, Unavailable
from services.runtime.client import STATUS, Message, at_once

log = logging.getLogger("rgrid.nats")

TIMEOUT_SECONDS = 2.0
NO_RESPONDERS = "503"
BAD_REQUEST = 400
Callback = Callable[[Any], Awaitable[None]]


class ApiError(Unavailable):
    """The server answered with an error; `err_code` is JetStream's own number for it.

    `final`: it refuses the request as such (400: too large, malformed, another's subject), so asking again helps nobody.
    The rest passes: no leader yet, no room, a stream that is not made yet.
    """

    def __init__(self, message: str, err_code: int, code: int = 503) -> None:
        super().__init__(message, details={"err_code": err_code})
        self.err_code, self.final = err_code, code == BAD_REQUEST


class Bus:
    """See the module. Made by `connect`; `close` when done."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._inbox = client.new_inbox()
        self._waiting: dict[str, Callable[[Message | None], None]] = {}
        self._token = 0
        self._reconnected: list[Callable[[], None]] = []

    async def start(self) -> None:
        await self.listen(f"{self._inbox}.*", self._on_answer)

    async def publish(
        self, subject: str, data: bytes, msg_id: str | None = None, headers: Mapping[str, str] | None = None
    ) -> int:
        """Publish into a stream and return the sequence it got there, also when `msg_id` was stored before.

        Raises ApiError when the stream refused, Unavailable when nobody knows whether it was stored: repeat it then
        with the same `msg_id`.
        """
        if msg_id is not None:
            headers = {**(headers or {}), "Nats-Msg-Id": msg_id}
        answer = await self.request_message(subject, data, headers)
        return int(checked(answer.data)["seq"])

    async def request(self, subject: str, data: bytes = b"", timeout: float = TIMEOUT_SECONDS) -> bytes:
        """The answer of whoever listens on `subject`; raises Unavailable when nobody does or it takes too long."""
        return (await self.request_message(subject, data, None, timeout)).data

    async def api(self, subject: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A call of JetStream's JSON API, `subject` without `$JS.API.`; raises ApiError, Unavailable."""
        data = b"" if body is None else orjson.dumps(body)
        return checked(await self.request(f"$JS.API.{subject}", data, timeout=2 * TIMEOUT_SECONDS))

    async def request_message(
        self, subject: str, data: bytes, headers: Mapping[str, str] | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> Message:
        """The whole answer, with its headers."""
        future: asyncio.Future[Message | None] = asyncio.get_running_loop().create_future()

        def answered(message: Message | None) -> None:
            if not future.done():
                future.set_result(message)

        token = self.expect(answered)
        timer = future.get_loop().call_later(timeout, answered, None)
        try:
            await self.send(subject, data, reply=f"{self._inbox}.{token}", headers=headers)
            message = await future
        finally:
            timer.cancel()
            self.forget(token)
        if message is None:
            raise Unavailable(f"NATS did not answer on {subject} ({self.state}).")
        if message.headers and message.headers.get(STATUS) == NO_RESPONDERS:
            raise Unavailable(f"Nobody listens on {subject}: its stream or service is not there (yet).")
        return message

    async def send(
        self, subject: str, data: bytes = b"", *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Publish without waiting for anything; raises Unavailable while there is no connection."""
        try:
            await self.client.publish(subject, data, reply, dict(headers) if headers else None)
        except nats.errors.MaxPayloadError:
            limit = self.client.max_payload
            raise Invalid(f"{len(data)} bytes do not fit into one message ({limit} do).", code="TOO_LARGE") from None
        except (nats.errors.Error, OSError) as error:
            raise Unavailable(f"There is no connection to NATS ({self.state}).") from error

    async def subscribe(self, subject: str, callback: Callback, queue: str = "") -> Subscription:
        """Call `callback` with every message, one after the other. Its queue is unbounded: bound what you ask for."""
        try:
            return await self.client.subscribe(
                subject, queue, cb=callback, pending_msgs_limit=-1, pending_bytes_limit=-1
            )
        except (nats.errors.Error, OSError) as error:
            raise Unavailable(f"There is no connection to NATS ({self.state}).") from error

    async def listen(self, subject: str, callback: Callable[[Message], None]) -> Subscription:
        """Call `callback` with every message as it is read from the socket: it must be quick, and cannot wait."""
        return await self.subscribe(subject, at_once(callback))

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; what is queued for it is dropped."""
        with contextlib.suppress(nats.errors.Error, OSError):
            await subscription.unsubscribe()

    def expect(self, answered: Callable[[Message | None], None]) -> str:
        """Have `answered` called with every answer to the returned token, until `forget`; with None when it broke."""
        self._token += 1
        token = str(self._token)
        self._waiting[token] = answered
        return token

    def forget(self, token: str) -> None:
        self._waiting.pop(token, None)

    def reply_to(self, token: str) -> str:
        return f"{self._inbox}.{token}"

    def on_reconnect(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have `call` called after every reconnect; returns what ends that."""
        self._reconnected.append(call)
        return lambda: self._reconnected.remove(call) if call in self._reconnected else None

    @property
    def connected(self) -> bool:
        return self.client.is_connected

    @property
    def state(self) -> str:
        if self.client.is_connected:
            return "connected"
        return "closed" if self.client.is_closed else "reconnecting"

    async def close(self) -> None:
        """Send what is still to be sent, then hang up."""
        try:
            if self.client.is_connected:
                await self.client.flush(timeout=1)
        except (nats.errors.Error, OSError):
            pass
        self.broke()
        await self.client.close()

    def _on_answer(self, message: Message) -> None:
        answered = self._waiting.get(message.subject[len(self._inbox) + 1 :])
        if answered is not None:
            answered(message)

    def broke(self) -> None:
        """The connection is gone: nobody will answer what was asked over it."""
        for answered in list(self._waiting.values()):
            answered(None)

    def reconnected(self) -> None:
        for call in list(self._reconnected):
            call()


def is_final(error: Exception) -> bool:
    """Whether trying again cannot help: the server was there, and refused."""
    return isinstance(error, ApiError) and error.final


def checked(data: bytes) -> dict[str, Any]:
    """The JSON answer of JetStream; raises ApiError when it says error."""
    answer: dict[str, Any] = orjson.loads(data)
    error = answer.get("error")
    if error:
        raise ApiError(
            f"NATS refused: {error.get('description', error)}", error.get("err_code", 0), error.get("code", 503)
        )
    return answer
