"""Reading a stream without acknowledgements: a delivery that the connection swallowed is fetched again."""

from __future__ import annotations

from nats.aio.msg import Msg

from services.runtime import subjects
from services.runtime.connection import Bus
from services.runtime.pull import Puller, follow_stream


async def test_a_swallowed_delivery_leaves_no_gap(bus: Bus, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    swallowed: list[int] = []
    answered = Puller._answered

    async def lossy(self: Puller, message: Msg) -> None:
        if message.data == b"3" and not swallowed:
            swallowed.append(3)
            return
        await answered(self, message)

    monkeypatch.setattr(Puller, "_answered", lossy)
    for number in range(1, 8):
        await bus.publish("rgrid.parked.test", str(number).encode())
    found: list[bytes] = []
    async for batch in follow_stream(bus, subjects.PARKED, subjects.ALL_PARKED, 0):
        found += [pulled.data for pulled in batch]
        if len(found) >= 7:
            break
    assert swallowed == [3]
    assert found == [b"1", b"2", b"3", b"4", b"5", b"6", b"7"]
