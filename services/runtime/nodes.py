"""The control plane's side of the talk with nodes: their work queues, their heartbeats, their requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg

from domain.errors import RgridError, Unavailable
from services.runtime import subjects
from services.runtime.connection import ApiError, Bus
from services.runtime.messages import Heartbeat, UrlsGiven, UrlsWanted
from services.runtime.plain import from_json, to_json
from services.runtime.streams import CONSUMER_NOT_FOUND

log = logging.getLogger("rgrid.nodes")

REQUESTS_AT_ONCE = 16
ACROSS_ACCOUNTS = "_R_."
"""Where the server has answers to another account sent."""


async def listen_leases(bus: Bus, node_ids: list[str], heard: Callable[[str, Heartbeat], Awaitable[None]]) -> None:
    """Call `heard` with the last stored heartbeat of each of `node_ids`, then with every one that comes."""

    async def on_beat(message: Msg) -> None:
        try:
            await heard(subjects.node_of(message.subject), from_json(Heartbeat, message.data))
        except (RgridError, ValueError) as error:
            log.warning("a heartbeat on %s was not taken in: %s", message.subject, error)

    await bus.subscribe(subjects.ALL_LEASES, on_beat)
    for node_id in node_ids:
        try:
            message = await bus.request_message(f"$JS.API.DIRECT.GET.{subjects.LEASES}.{subjects.lease(node_id)}", b"")
        except Unavailable:
            continue
        if message.data:
            await heard(node_id, from_json(Heartbeat, message.data))


async def answer_urls(bus: Bus, answer: Callable[[str, UrlsWanted], Awaitable[UrlsGiven]]) -> None:
    """Answer the nodes' requests for signed URLs until cancelled; several control planes share them."""
    room = asyncio.Semaphore(REQUESTS_AT_ONCE)

    async def respond(message: Msg) -> None:
        node_id = subjects.node_of(message.subject)
        if not message.reply.startswith((f"{subjects.inbox_prefix(node_id)}.", ACROSS_ACCOUNTS)):
            log.error("%s wants its answer on %s: it gets none", node_id, message.reply)
            return
        async with room:
            try:
                given = await answer(node_id, from_json(UrlsWanted, message.data))
            except (ValueError, RgridError, OSError) as error:
                code = error.code if isinstance(error, RgridError) else "INVALID_REQUEST"
                given = UrlsGiven(error=code, message=str(error))
            try:
                await bus.send(message.reply, to_json(given))
            except Unavailable as error:
                log.info("an answer on %s went nowhere: %s", message.subject, error)

    async with asyncio.TaskGroup() as group:

        async def on_request(message: Msg) -> None:
            group.create_task(respond(message))

        subscription = await bus.subscribe(subjects.ASK_URLS, on_request, queue="porter")
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            if bus.connected:
                await subscription.unsubscribe()


async def reports_pending(bus: Bus, consumer: str) -> bool:
    """Whether `consumer` has reports of nodes before it that it has not dealt with."""
    try:
        info = await bus.api(f"CONSUMER.INFO.{subjects.REPORTS}.{consumer}")
    except ApiError as error:
        if error.err_code == CONSUMER_NOT_FOUND:
            return True
        raise
    return bool(info["num_pending"] or info["num_ack_pending"])
