"""Runs that may serve again: what the read models know of them, as the domain's values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence

import orjson

from domain.environment.lookup import targets_for
from domain.errors import NotFound
from domain.execution.commands import Reuse
from domain.execution.events import AttemptResult
from domain.execution.job import Job
from domain.memo import memo_key, stands_still
from domain.node.events import NodeJoined
from domain.node.offer import Offer
from projections.history_queries import Ran
from services.runtime.log import Ref
from services.runtime.messages import BlobRef
from services.runtime.plain import from_plain
from services.runtime.service import Context


async def reusable(context: Context, account: str, jobs: Sequence[Job]) -> Mapping[str, Reuse]:
    """By memo key: a run that succeeded with what the nodes of now have, and whose files are kept.

    That the store is asked for the files keeps them until it stands in the log that somebody needs them again.
    """
    wanted = {memo_key(job): job for job in jobs if stands_still(job)}
    known: Mapping[str, Ran] = await context.queries.memo(account, sorted(wanted)) if wanted else {}
    alike = await _alike(context, wanted, known) if known else set()
    found = {key: Reuse(ran.id, from_plain(AttemptResult, ran.result)) for key, ran in known.items() if key in alike}
    blobs = {key: await _blobs(context, account, reuse.result) for key, reuse in found.items()}
    asked = [BlobRef(sha256, 0) for sha256 in sorted(set().union(*blobs.values()))]
    missing = {blob.sha256 for blob in await context.shell.store.missing(account, asked)} if asked else set()
    return {key: reuse for key, reuse in found.items() if not blobs[key] & missing}


async def _alike(context: Context, wanted: Mapping[str, Job], known: Mapping[str, Ran]) -> set[str]:
    """The keys whose run had an interpreter, a platform and an image that the same job would get now."""
    now = [node.offer for node in (await context.queries.nodes_joined()).values()]
    lives = {(ran.node_id, ran.incarnation) for ran in known.values()}
    offers = {life: await _offer_then(context, *life) for life in lives}
    return {key for key, ran in known.items() if _unchanged(wanted[key], offers[ran.node_id, ran.incarnation], now)}


async def _offer_then(context: Context, node_id: str, incarnation: str) -> list[Offer]:
    """What the node offered in that life, by its own history; empty when nobody knows."""
    history = await context.log.load(Ref("grid", "node", node_id))
    events = (event for recorded in history.commits for event in recorded.commit.events)
    return [each.offer for each in events if isinstance(each, NodeJoined) and each.incarnation == incarnation][-1:]


def _unchanged(job: Job, then: Iterable[Offer], now: Iterable[Offer]) -> bool:
    """While no node is there nothing is known to have changed."""
    was, wanted = targets_for(job, then), targets_for(job, now)
    return not wanted or (bool(was) and was <= wanted)


async def _blobs(context: Context, account: str, result: AttemptResult) -> set[str]:
    """All that a result names; of many outputs the list and, where it is there, what it lists."""
    listing, archive = result.outputs.manifest, result.log.archive
    found = {entry.sha256 for entry in result.outputs.entries} | {each for each in (listing, archive) if each}
    if listing:
        with contextlib.suppress(NotFound):
            pieces = [piece async for piece in context.shell.store.open(account, listing)]
            found |= {entry["sha256"] for entry in orjson.loads(b"".join(pieces))}
    return found


async def last_run(context: Context, account: str, script_path: str, before: int) -> tuple[str, Job] | None:
    """The last execution of the script at that path that was submitted before that position; None when there is none."""
    id = await context.queries.last_of_script(account, script_path, before)
    if id is None:
        return None
    state = await context.state(Ref(account, "execution", id))
    return (id, state.job) if state.job is not None else None
