"""What was invalidated reaches every node that has it through its own queue, once, also the node that is away."""

from __future__ import annotations

from domain.environment import commands as c
from domain.environment.decider import environment_id
from domain.environment.events import Recipe
from services.foreman import SERVICE
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.handle import Handler
from services.runtime.jetstream import JetStreamLog
from services.runtime.log import Ref
from services.runtime.messages import ForgetWork
from services.runtime.plain import from_json
from services.runtime.service import Context, EventItem, Shell
from services.runtime.streams import ensure_runner_consumer
from tests.fixtures.nats import NatsServer

RECIPE = Recipe("python", "b" * 64, "cpython-3.11.7-linux-x86_64")
ENV = Ref("a", "environment", environment_id(RECIPE))


async def test_a_node_that_was_away_hears_of_it_when_it_is_back(bus: Bus, nats_server: NatsServer) -> None:
    handler = Handler(JetStreamLog(bus))
    for number, command in enumerate(
        (c.RecordBuild(RECIPE, "n1", 6, 100, 1200), c.RecordFetch("n2", 1, 1), c.InvalidateEnvironment("key:1"))
    ):
        await handler.handle(ENV, command, command_id=f"c{number}", actor="test")
    recorded = (await JetStreamLog(bus).load(ENV)).commits[-1]
    shell = Shell(bus, handler)
    for _ in range(2):
        item = EventItem(recorded.commit.events[0], recorded, f"{recorded.position}.0")
        assert SERVICE.react is not None
        await SERVICE.react(Context(SERVICE, shell, item), item)
    for node_id in ("n1", "n2"):
        assert await waiting(bus, node_id) == [ForgetWork("a", (ENV.id,))]


async def waiting(bus: Bus, node_id: str) -> list[ForgetWork]:
    """What lies in the queue of a node, which holds no more than one here."""
    consumer = await ensure_runner_consumer(bus, node_id)
    info = await bus.api(f"CONSUMER.INFO.{subjects.WORK}.{consumer}")
    assert info["num_pending"] <= 1
    subject = f"$JS.API.DIRECT.GET.{subjects.WORK}.{subjects.work(node_id, 'environment')}"
    return [from_json(ForgetWork, await bus.request(subject)) for _ in range(info["num_pending"])]
