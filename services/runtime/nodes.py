"""The control plane's side of the talk with nodes: their work queues, their heartbeats, their requests."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from domain.errors import RgridError, Unavailable
from services.runtime import subjects
from services.runtime.bus import ApiError, Bus
from services.runtime.client import Message, at_once
from services.runtime.messages import Heartbeat, SecretsGiven, SecretsWanted, UrlsGiven, UrlsWanted
from services.runtime.plain import from_json, to_json
from services.runtime.streams import CONSUMER_NOT_FOUND

log = logging.getLogger("rgrid.nodes")

REQUESTS_AT_ONCE, REQUESTS_MAX = 16, 1000
ACROSS_ACCOUNTS = "_R_."
"""Where the server has answers to another account sent."""


@contextlib.asynccontextmanager
async def leases(bus: Bus, node_ids: list[str], heard: Callable[[str, Heartbeat], None]) -> AsyncIterator[None]:
    """Call `heard` with the last stored heartbeat of each of `node_ids`, then with every one that comes, until left."""

    def on_beat(message: Message) -> None:
        try:
            heard(subjects.node_of(message.subject), from_json(Heartbeat, message.data))
        except ValueError as error:
            log.warning("a heartbeat on %s was not taken in: %s", message.subject, error)

    subscription = await bus.listen(subjects.ALL_LEASES, on_beat)
    try:
        for node_id in node_ids:
            with contextlib.suppress(Unavailable, ValueError):
                last = await bus.request_message(f"$JS.API.DIRECT.GET.{subjects.LEASES}.{subjects.lease(node_id)}", b"")
                if last.data:
                    heard(node_id, from_json(Heartbeat, last.data))
        yield
    finally:
        await bus.unsubscribe(subscription)


async def answer_urls(bus: Bus, answer: Callable[[str, UrlsWanted], Awaitable[UrlsGiven]]) -> None:
    """Answer the nodes' requests for signed URLs until cancelled; several control planes share them."""

    async def given(message: Message) -> UrlsGiven:
        return await answer(subjects.node_of(message.subject), from_json(UrlsWanted, message.data))

    await _answer(bus, subjects.ASK_URLS, "porter", given, UrlsGiven)


async def answer_secrets(bus: Bus, answer: Callable[[str, SecretsWanted], Awaitable[SecretsGiven]]) -> None:
    """The same for the values of secrets."""

    async def given(message: Message) -> SecretsGiven:
        return await answer(subjects.node_of(message.subject), from_json(SecretsWanted, message.data))

    await _answer(bus, subjects.ASK_SECRETS, "keeper", given, SecretsGiven)


async def _answer(
    bus: Bus,
    subject: str,
    queue: str,
    answer: Callable[[Message], Awaitable[UrlsGiven | SecretsGiven]],
    refusal: type[UrlsGiven | SecretsGiven],
) -> None:
    """Until cancelled. No more than REQUESTS_MAX wait here: whoever gets no answer asks again."""
    room = asyncio.Semaphore(REQUESTS_AT_ONCE)
    waiting: set[asyncio.Task[None]] = set()

    async def respond(message: Message) -> None:
        async with room:
            given = await _given(message, answer, refusal)
        try:
            await bus.send(message.reply, to_json(given))
        except Unavailable as error:
            log.info("an answer on %s went nowhere: %s", message.subject, error)

    def on_request(message: Message) -> None:
        node_id = subjects.node_of(message.subject)
        if not message.reply.startswith((f"{subjects.inbox_prefix(node_id)}.", ACROSS_ACCOUNTS)):
            log.error("%s wants its answer on %s: it gets none", node_id, message.reply)
        elif len(waiting) < REQUESTS_MAX:
            task = asyncio.create_task(respond(message))
            waiting.add(task)
            task.add_done_callback(waiting.discard)

    subscription = await bus.subscribe(subject, at_once(on_request), queue=queue)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        await bus.unsubscribe(subscription)
        for task in waiting:
            task.cancel()


async def _given(
    message: Message,
    answer: Callable[[Message], Awaitable[UrlsGiven | SecretsGiven]],
    refusal: type[UrlsGiven | SecretsGiven],
) -> UrlsGiven | SecretsGiven:
    """The answer, or why there is none: a request that breaks us takes nobody else's answer away."""
    try:
        return await answer(message)
    except RgridError as error:
        return refusal(error=error.code, message=error.message)
    except ValueError as error:
        return refusal(error="INVALID_REQUEST", message=str(error))
    except Exception as error:
        log.exception("a request on %s failed", message.subject)
        return refusal(error="INTERNAL", message=type(error).__name__)


async def reports_pending(bus: Bus, consumer: str) -> bool:
    """Whether `consumer` has reports of nodes before it that it has not dealt with."""
    try:
        info = await bus.api(f"CONSUMER.INFO.{subjects.REPORTS}.{consumer}")
    except ApiError as error:
        if error.err_code == CONSUMER_NOT_FOUND:
            return True
        raise
    return bool(info["num_pending"] or info["num_ack_pending"])
