"""What both event logs must do: the one in memory and the one on a real nats-server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.account.events import AccountKeyIssued, AccountKeyRevoked, AccountOpened
from domain.errors import Conflict, DamagedHistory, HistoryLost, Unavailable
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.codec import encode_commit
from services.runtime.jetstream import JetStreamLog
from services.runtime.log import Commit, EventLog, Recorded, Ref
from services.runtime.memory import MemoryLog
from services.runtime.streams import apply_streams
from tests.fixtures.nats import NatsServer

REF, OTHER = Ref("a1", "account", "a1"), Ref("a2", "account", "a2")


def commit(command_id: str, ref: Ref = REF, event: object = None) -> Commit:
    return Commit(ref, command_id, 1_000, "key:k", (event or AccountKeyIssued(command_id, "00", "x"),), 7)


@pytest.fixture(params=["memory", "jetstream"])
async def log(request: pytest.FixtureRequest) -> AsyncIterator[EventLog]:
    if request.param == "memory":
        yield MemoryLog()
        return
    server: NatsServer = request.getfixturevalue("nats_server")
    bus = await server.connect()
    await apply_streams(bus)
    yield JetStreamLog(bus)
    await bus.close()


async def everything(log: EventLog, **how: int) -> list[Recorded]:
    return [recorded async for batch in log.read(**how) for recorded in batch]


async def take(log: EventLog, after: int, count: int) -> list[Recorded]:
    found: list[Recorded] = []
    following = log.follow(after)
    async with asyncio.timeout(60):
        async for batch in following:
            found += batch
            if len(found) >= count:
                break
    await following.aclose()  # type: ignore[attr-defined]
    return found


async def test_an_unknown_aggregate_has_no_history(log: EventLog) -> None:
    history = await log.load(REF)
    assert (history.commits, history.position, await log.last_position()) == ((), 0, 0)


async def test_what_was_appended_is_loaded(log: EventLog) -> None:
    first = await log.append(commit("c1", event=AccountOpened("x")), 0)
    await log.append(commit("c2", OTHER), 0)
    second = await log.append(commit("c3"), first)
    history = await log.load(REF)
    assert [each.position for each in history.commits] == [first, second] == [1, 3]
    assert [each.previous for each in history.commits] == [0, first]
    assert history.commits[0].commit == commit("c1", event=AccountOpened("x"))
    assert history.position == second


async def test_a_long_history_is_loaded_whole(log: EventLog) -> None:
    position = 0
    for number in range(1100):
        position = await log.append(commit(f"c{number}"), position)
    history = await log.load(REF)
    assert [each.commit.command_id for each in history.commits] == [f"c{number}" for number in range(1100)]


async def test_many_histories_are_loaded_as_one_by_one(log: EventLog) -> None:
    """Short ones, ones with commits of the same kind twice or many times, and ones that are not there."""
    refs = [Ref("a", "account", f"a{number}") for number in range(250)]
    for lives in (1, 2, 3, 20):
        for round in range(lives):
            for number in range(lives, 250, 60):
                position = (await log.load(refs[number])).position
                await log.append(commit(f"c{lives}.{round}", refs[number]), position)
        opened = commit(f"o{lives}", refs[0], AccountOpened("x"))
        await log.append(opened, (await log.load(refs[0])).position)
    assert await log.load_all(refs) == [await log.load(ref) for ref in refs]
    assert await log.load_all([]) == []


async def test_of_many_histories_a_damaged_one_says_so(bus: Bus) -> None:
    log = JetStreamLog(bus)
    await log.append(commit("c1"), 0)
    await log.append(commit("c2", OTHER), 0)
    await bus.publish(f"{subjects.aggregate_prefix(REF)}.key_issued", b"{}")
    damaged, whole = await log.load_all([REF, OTHER])
    assert isinstance(damaged, DamagedHistory)
    assert whole == await log.load(OTHER)


@pytest.mark.parametrize("expected", [0, 5])
async def test_an_append_at_another_position_is_a_conflict(log: EventLog, expected: int) -> None:
    await log.append(commit("c1"), 0)
    with pytest.raises(Conflict):
        await log.append(commit("c2"), expected)
    assert await log.last_position() == 1


async def test_a_repeated_append_returns_its_position(log: EventLog) -> None:
    first = await log.append(commit("c1"), 0)
    await log.append(commit("c2"), first)
    assert await log.append(commit("c1"), 0) == first
    assert await log.last_position() == 2


async def test_the_same_command_id_on_two_aggregates_is_two_commits(log: EventLog) -> None:
    assert [await log.append(commit("c1"), 0), await log.append(commit("c1", OTHER), 0)] == [1, 2]


async def test_of_many_writers_one_wins(log: EventLog) -> None:
    results = await asyncio.gather(*(log.append(commit(f"c{n}"), 0) for n in range(8)), return_exceptions=True)
    assert sorted(type(each).__name__ for each in results) == ["Conflict"] * 7 + ["int"]


async def test_append_all_appends_all(log: EventLog) -> None:
    refs = [Ref("a", "account", f"a{number}") for number in range(1000)]
    positions = await log.append_all([(commit("c", ref), 0) for ref in refs])
    assert positions == list(range(1, 1001))
    assert [each.commit.ref for each in await everything(log)] == refs


async def test_append_all_appends_nothing_when_one_is_behind(log: EventLog) -> None:
    await log.append(commit("c1"), 0)
    with pytest.raises(Conflict):
        await log.append_all([(commit("c2", OTHER), 0), (commit("c2"), 0)])
    assert await log.last_position() == 1


async def test_a_repeated_append_all_returns_its_positions(log: EventLog) -> None:
    both = [(commit("c", OTHER), 0), (commit("c"), 0)]
    assert await log.append_all(both) == await log.append_all(both) == [1, 2]
    assert await log.last_position() == 2


async def test_append_all_takes_no_aggregate_twice(log: EventLog) -> None:
    with pytest.raises(ValueError, match="different aggregates"):
        await log.append_all([(commit("c1"), 0), (commit("c2"), 1)])


async def test_reading_comes_in_batches_between_two_positions(log: EventLog) -> None:
    refs = [Ref("a", "account", f"a{number}") for number in range(25)]
    await log.append_all([(commit("c", ref), 0) for ref in refs])
    batches = [[each.position for each in batch] async for batch in log.read(2, until=20, batch=8)]
    assert batches == [list(range(3, 11)), list(range(11, 19)), [19, 20]]
    assert await everything(log, after=25) == []


async def test_following_gives_what_is_there_and_what_comes(log: EventLog) -> None:
    for number in range(3):
        await log.append(commit("c", Ref("a", "account", f"a{number}")), 0)
    following = asyncio.create_task(take(log, 1, 4))
    await asyncio.sleep(0.2)
    for number in range(3, 5):
        await log.append(commit("c", Ref("a", "account", f"a{number}")), 0)
    assert [each.position for each in await following] == [2, 3, 4, 5]


async def test_following_goes_on_over_a_crash_of_the_server(nats_server: NatsServer, bus: Bus) -> None:
    log = JetStreamLog(bus)
    following = asyncio.create_task(take(log, 0, 60))

    async def write() -> None:
        for number in range(60):
            await log.append(commit("c", Ref("a", "account", f"a{number}")), 0)

    writing = asyncio.create_task(write())
    for _ in range(2):
        await asyncio.sleep(0.05)
        nats_server.kill()
        await asyncio.to_thread(nats_server.start)
    await writing
    assert [each.position for each in await following] == list(range(1, 61))


async def test_a_repeat_is_known_beyond_the_window_of_the_broker(bus: Bus) -> None:
    config = (await bus.api("STREAM.INFO.EVENTS"))["config"]
    await bus.api("STREAM.UPDATE.EVENTS", {**config, "duplicate_window": 100_000_000})
    log = JetStreamLog(bus)
    first = await log.append(commit("c1"), 0)
    await log.append(commit("c2"), first)
    await asyncio.sleep(0.5)
    assert await log.append(commit("c1"), 0) == first
    assert await log.last_position() == 2


async def test_a_server_that_is_away_is_unavailable_and_nothing_is_stored_twice(
    nats_server: NatsServer, bus: Bus
) -> None:
    log = JetStreamLog(bus, retry_seconds_max=0.5)
    nats_server.kill()
    with pytest.raises(Unavailable):
        await log.append(commit("c1"), 0)
    nats_server.start()
    patient = JetStreamLog(bus)
    assert [await patient.append(commit("c1"), 0), await patient.append(commit("c1"), 0)] == [1, 1]
    assert await patient.last_position() == 1


async def test_a_history_with_an_unknown_event_is_not_decided_on(bus: Bus) -> None:
    log = JetStreamLog(bus)
    data = (
        b'{"v":1,"id":"c","prev":0,"at_us":1,"actor":"x","cause":0,"events":[{"type":"account.sold","v":1,"data":{}}]}'
    )
    await bus.publish(f"{subjects.aggregate_prefix(REF)}.sold", data)
    with pytest.raises(DamagedHistory, match=r"account\.sold"):
        await log.load(REF)
    (recorded,) = await everything(log)
    assert (recorded.commit.events, recorded.commit.unknown) == ((), ("account.sold",))


async def test_a_log_behind_what_was_read_from_it_halts(bus: Bus) -> None:
    log = JetStreamLog(bus)
    await log.append(commit("c1"), 0)
    await log.check_not_behind(1)
    with pytest.raises(DamagedHistory, match="ends at position 1"):
        await log.check_not_behind(2)


async def test_the_same_id_with_other_events_is_not_ours(log: EventLog) -> None:
    await log.append(commit("c1"), 0)
    with pytest.raises(Conflict):
        await log.append(commit("c1", event=AccountKeyIssued("another", "00", "x")), 0)


async def test_what_the_server_takes_for_a_repeat_is_looked_at(nats_server: NatsServer, bus: Bus) -> None:
    log = JetStreamLog(bus)
    first = await log.append(commit("c1"), 0)
    with pytest.raises(Conflict):
        await log.append(commit("c1", event=AccountKeyIssued("another", "00", "x")), first)
    assert await log.last_position() == first


RUBBISH = [
    b"",
    b"{}",
    b"[]",
    b'"x"',
    b'{"stream":"REPORTS","seq":1}',
    b'{"v":1,"id":"x","events":[{"type":7}]}',
    b"\xff",
]


async def test_what_is_no_commit_comes_along_and_says_so(nats_server: NatsServer, bus: Bus) -> None:
    log = JetStreamLog(bus)
    first = await log.append(commit("c1"), 0)
    for data in RUBBISH:
        await bus.publish("rgrid.ev.a1.account.a1.key_issued", data)
    await bus.publish("rgrid.ev.a1.account.nobody.opened", RUBBISH[4])
    await log.append(commit("c2", OTHER), 0)
    for found in (await everything(log), await take(log, 0, len(RUBBISH) + 3)):
        assert [bool(each.commit.damage) for each in found] == [False, *[True] * (len(RUBBISH) + 1), False]
        assert [each.position for each in found] == list(range(1, len(RUBBISH) + 4))
    with pytest.raises(DamagedHistory, match=f"position {first + 1}"):
        await log.load(REF)
    assert (await log.load(OTHER)).position == len(RUBBISH) + 3


async def test_a_forged_commit_that_reads_well_does_not_fit_into_the_chain(nats_server: NatsServer, bus: Bus) -> None:
    log = JetStreamLog(bus)
    first = await log.append(commit("c1"), 0)
    forged = encode_commit(commit("c2", event=AccountKeyRevoked("c1")), first + 5)
    await bus.publish("rgrid.ev.a1.account.a1.key_revoked", forged)
    with pytest.raises(DamagedHistory, match=f"follows position {first + 5}, but {first}"):
        await log.load(REF)


async def test_a_log_that_ends_before_its_end_is_damaged(nats_server: NatsServer, bus: Bus) -> None:
    log = JetStreamLog(bus)
    await log.append(commit("c1"), 0)
    with pytest.raises(DamagedHistory, match="Position 2 of the log is missing"):
        await everything(log, until=3)


async def test_writers_halt_when_the_log_ends_before_what_the_read_models_have(bus: Bus) -> None:
    async def remembered() -> int:
        return 2

    with pytest.raises(HistoryLost, match="ends at position 0"):
        await JetStreamLog(bus, remembered=remembered).append(commit("c1"), 0)
    assert await JetStreamLog(bus).last_position() == 0


async def test_writers_halt_when_a_server_comes_back_with_an_older_log(nats_server: NatsServer, bus: Bus) -> None:
    log = JetStreamLog(bus)
    await log.append(commit("c1"), 0)
    nats_server.kill()
    nats_server.wipe()
    nats_server.start()
    async with asyncio.timeout(20):
        while True:
            try:
                await apply_streams(bus)
                break
            except Unavailable:
                await asyncio.sleep(0.05)
    with pytest.raises(HistoryLost, match="ends at position 0"):
        await log.append(commit("c2", OTHER), 0)
