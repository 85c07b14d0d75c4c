"""Batches for tests of the gateway: submitted over HTTP, written into the log as the steward does it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.batch.commands import ExpandBatch, FinishBatch
from domain.batch.decider import Batch
from domain.batch.members import Member, encode, member_id, member_job
from domain.cost.settlement import estimate
from domain.execution import commands as c
from domain.execution.events import AttemptResult, Lookup, Reason
from domain.files import FileRef, file_set
from services.runtime.bulk import handle_all
from services.runtime.handle import Handled
from services.runtime.log import Ref
from services.runtime.orders import Order
from tests.gateway.conftest import ACCOUNT, NODE, NOW, SCRIPT, SHA, GatewayUnderTest

MISS = Lookup("miss", "new")


def members_of(count: int) -> list[Member]:
    """Each with an argument and the same input."""
    return [Member(f"in/{n:05}.txt", (f"{n}",), (FileRef(f"in/{n:05}.txt", SHA, len(SCRIPT)),)) for n in range(count)]


async def batch_body(gateway: GatewayUnderTest, members: Sequence[Member], **more: Any) -> dict[str, Any]:
    """What to POST for these members, whose list is stored by then."""
    data = encode(members)
    listed = {"sha256": await gateway.store(data), "size_bytes": len(data), "count": len(members)}
    script = {"path": "hello.py", "sha256": SHA, "size_bytes": len(SCRIPT)}
    return {"script": script, "runtime": "python", "members": listed, **more}


async def submit_batch(gateway: GatewayUnderTest, members: Sequence[Member], **more: Any) -> str:
    """Submit and expand; the id."""
    status, made = await gateway.call("POST", "/batches", json=await batch_body(gateway, members, **more))
    assert status == 201, made
    await expand(gateway, made["id"], members)
    return str(made["id"])


async def expand(gateway: GatewayUnderTest, batch: str, members: Sequence[Member]) -> None:
    """All members, as the steward writes them; in the read models when this returns."""
    state: Batch = (await gateway.handler.state(Ref(ACCOUNT, "batch", batch)))[0]
    assert state.job is not None
    orders: list[Order] = []
    for index, member in enumerate(members):
        id, job = member_id(ACCOUNT, batch, index), member_job(state.job, member)
        submit = c.SubmitExecution(job, state.fingerprint, batch_id=batch, member=member.name, memoize=state.memoize)
        resolve = c.ResolveExecution(MISS, MISS, MISS)
        orders.append(Order(Ref(ACCOUNT, "execution", id), (submit, resolve), f"cmd_{id}", new=True))
        orders.append(Order(Ref(ACCOUNT, "cost", id), (estimate(job, "local", None),), f"cmd_cost_{id}", new=True))
    await handle_all(gateway.handler, orders, actor="service:steward")
    await gateway.projected(await gateway.command(Ref(ACCOUNT, "batch", batch), ExpandBatch(len(members))))


async def end(
    gateway: GatewayUnderTest, batch: str, index: int, status: str = "succeeded", *, error: str = "", code: int = 1
) -> Handled:
    """The member at `index` runs to its end."""
    id = member_id(ACCOUNT, batch, index)
    ref = Ref(ACCOUNT, "execution", id)
    attempt = (await gateway.handler.state(ref))[0].attempt + 1
    good = status == "succeeded"
    result = AttemptResult(
        status,
        Reason("OK", "The script ended.") if good else Reason("EXIT_CODE", f"It exited with {code}."),
        0 if good else code,
        started_at_us=NOW,
        ended_at_us=NOW + 1000,
        outputs=file_set((FileRef("out.txt", SHA, len(SCRIPT)),)) if good else file_set(()),
        error_line=error,
    )
    await gateway.command(ref, c.AssignExecution(attempt, NODE, "inc-1", "local", NOW * 2))
    await gateway.command(ref, c.StartExecution(attempt, NODE, NOW, "process"))
    return await gateway.command(ref, c.FinishExecution(attempt, NODE, result, NOW))


async def finish(gateway: GatewayUnderTest, batch: str, counts: dict[str, int]) -> None:
    """What the scheduler says when all members have ended; in the read models when this returns."""
    ref = Ref(ACCOUNT, "batch", batch)
    state: Batch = (await gateway.handler.state(ref))[0]
    await gateway.projected(await gateway.command(ref, FinishBatch(counts, state.round)))
