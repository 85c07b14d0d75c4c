"""Environments: what nodes say they made, fetched or threw away, and who must throw one away that nobody trusts any more."""

from __future__ import annotations

import logging
import re
from functools import reduce

from domain.environment.commands import RecordBuild, RecordDrop, RecordFetch
from domain.environment.decider import INITIAL, environment_id, evolve, recipe_of
from domain.environment.events import EnvironmentInvalidated
from domain.execution.state import Execution
from services.runtime.log import Ref
from services.runtime.messages import EnvironmentFact, ForgetWork
from services.runtime.service import Context, EventItem, FactItem

logger = logging.getLogger("rgrid.foreman")

ID = re.compile(r"env_[0-9a-f]{24}")
SHA256 = re.compile(r"[0-9a-f]{64}")
TARGET = re.compile(r"[A-Za-z0-9._+-]{1,200}")
REASON_CHARS_MAX, PATH_CHARS_MAX = 64, 255
AMOUNT_MAX = 2**53
PACKAGES_MAX = 1_000_000


async def report_environment(context: Context, item: FactItem, fact: EnvironmentFact) -> None:
    """Bring a fact to the log, if it is the node's to say: what it has for its own attempt, or what it is without."""
    ref = Ref(fact.account, "environment", fact.id)
    why_not = _nonsense(fact)
    if not why_not and fact.event == "dropped":
        await context.handle(ref, RecordDrop(item.node_id, fact.reason[:REASON_CHARS_MAX]))
        return
    why_not = why_not or await _not_its_own(context, item, fact)
    if why_not:
        logger.warning("%s says it has %s: %s", item.node_id, fact.id[:80], why_not)
    elif fact.event == "built":
        about = (fact.packages, fact.size_bytes, fact.took_ms, fact.archive)
        await context.handle(ref, RecordBuild(fact.recipe, item.node_id, *about))
    else:
        await context.handle(ref, RecordFetch(item.node_id, fact.size_bytes, fact.took_ms))


async def forget_environment(context: Context, item: EventItem) -> None:
    """Tell every node that had it when it was invalidated, and has not made or fetched it anew since. One that is away
    hears it when it is back."""
    nodes: set[str] = set()
    state = INITIAL
    for recorded in (await context.log.load(item.ref)).commits:
        if recorded.position <= item.position:
            state = reduce(evolve, recorded.commit.events, state)
            nodes = set(state.nodes)
        else:
            nodes -= {getattr(event, "node_id", "") for event in recorded.commit.events}
    event: EnvironmentInvalidated = item.event
    work = ForgetWork(item.ref.account, (item.ref.id,), "pruned" if event.pruned else "invalidated")
    for node_id in sorted(nodes):
        await context.publish_work(node_id, work)


def _nonsense(fact: EnvironmentFact) -> str:
    """Why nobody could mean that; empty: it can be meant."""
    if not ID.fullmatch(fact.id) or fact.event not in ("built", "fetched", "dropped"):
        return "there is no such thing"
    if not all(0 <= amount < AMOUNT_MAX for amount in (fact.size_bytes, fact.took_ms)):
        return "its size or its time is none"
    if not 0 <= fact.packages <= PACKAGES_MAX:
        return f"{fact.packages} packages"
    if not TARGET.fullmatch(fact.recipe.target):
        return "its target is none"
    archive = fact.archive
    plain = archive is None or (SHA256.fullmatch(archive.sha256) and len(archive.path) <= PATH_CHARS_MAX)
    if not plain or (archive and not 0 <= archive.size_bytes < AMOUNT_MAX):
        return "its archive is none"
    return ""


async def _not_its_own(context: Context, item: FactItem, fact: EnvironmentFact) -> str:
    """Why it is not this node's to say; empty: it is."""
    ref = Ref(fact.account, "execution", fact.execution)
    state: Execution = await context.state(ref)
    if not state.held_by(item.node_id, fact.attempt):
        state, _ = await context.load(ref)
    if not state.held_by(item.node_id, fact.attempt):
        return f"it does not hold attempt {fact.attempt} of {fact.execution[:80]}"
    wanted = state.job.environment if state.job else None
    if wanted is None or recipe_of(wanted, fact.recipe.target) != fact.recipe:
        return f"{fact.execution} needs another one"
    return "" if environment_id(fact.recipe) == fact.id else "its recipe has another id"
