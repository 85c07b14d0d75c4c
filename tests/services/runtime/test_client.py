"""Headers read only where they are asked for, and callbacks that are called straight from the parser."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from nats.aio.client import Client

from services.runtime.bus import Bus
from services.runtime.client import DESCRIPTION, STATUS, Headers, LeanClient, Message


def test_the_private_method_is_still_what_we_override() -> None:
    ours, theirs = (inspect.signature(each._process_msg).parameters for each in (LeanClient, Client))
    assert [*ours] == [*theirs] == ["self", "sid", "subject", "reply", "data", "headers"]
    assert inspect.iscoroutinefunction(Client._process_msg)


def test_a_header_is_found_by_its_whole_name() -> None:
    headers = Headers(b"NATS/1.0\r\nNats-Sequence: 7\r\nNats-Subject:a.b\r\nX-Nats-Sequence: 9\r\n\r\n")
    assert headers.get("Nats-Sequence") == "7"
    assert headers["Nats-Subject"] == "a.b"
    assert headers.get("Sequence") == "" and headers.get(STATUS) == ""
    with pytest.raises(KeyError):
        headers["Absent"]


def test_what_the_server_adds_counts_more_than_what_a_publisher_made_up() -> None:
    assert Headers(b"NATS/1.0\r\nNats-Sequence: 666\r\nNats-Sequence: 7\r\n\r\n")["Nats-Sequence"] == "7"


@pytest.mark.parametrize(
    ("raw", "status", "description"),
    [
        (b"NATS/1.0 503\r\n\r\n", "503", ""),
        (b"NATS/1.0 404 No Messages\r\n\r\n", "404", "No Messages"),
        (b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Stream: 3\r\n\r\n", "100", "Idle Heartbeat"),
    ],
)
def test_the_first_line_says_how_it_went(raw: bytes, status: str, description: str) -> None:
    headers = Headers(raw)
    assert (headers.get(STATUS), headers.get(DESCRIPTION)) == (status, description)


async def test_a_listener_hears_in_order_and_its_failure_ends_nothing(bus: Bus) -> None:
    heard: list[bytes] = []
    done = asyncio.Event()

    def listen(message: Message) -> None:
        assert type(message) is Message, "it came by way of a queue"
        heard.append(message.data)
        if message.data == b"2":
            raise RuntimeError("broken reader")
        if message.data == b"5":
            done.set()

    await bus.listen("some.where", listen)
    for number in range(6):
        await bus.send("some.where", str(number).encode())
    async with asyncio.timeout(30):
        await done.wait()
    assert heard == [b"0", b"1", b"2", b"3", b"4", b"5"]
