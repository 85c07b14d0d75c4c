"""The life of an environment: built, on these nodes, thrown away, built again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from domain.environment import commands as c
from domain.environment import events as e
from domain.errors import Invalid, NotFound
from domain.execution.job import Environment as Packages
from domain.files import FileRef

AGGREGATE = "environment"
ID_CHARS = 24


@dataclass(frozen=True, slots=True)
class Environment:
    """`nodes` have it now. `archive` is what a node without it fetches; None: it must be built. `good`: it was not thrown
    away since it was built."""

    recipe: e.Recipe | None = None
    nodes: frozenset[str] = frozenset()
    archive: FileRef | None = None
    good: bool = False


INITIAL = Environment()


def recipe_of(packages: Packages, target: str) -> e.Recipe:
    """What a job's packages are on a node of `target`."""
    return e.Recipe(packages.kind, packages.lock.sha256, target, packages.builds)


def environment_id(recipe: e.Recipe) -> str:
    """The id that belongs to a recipe, `env_` and 24 hex digits: equal content, equal id."""
    text = "\x00".join((recipe.kind, recipe.lock, recipe.target, "builds" if recipe.builds else ""))
    return f"env_{hashlib.sha256(text.encode()).hexdigest()[:ID_CHARS]}"


def evolve(state: Environment, event: e.EnvironmentEvent) -> Environment:
    """What the environment is after `event`."""
    match event:
        case e.EnvironmentBuilt():
            return Environment(event.recipe, state.nodes | {event.node_id}, event.archive or state.archive, True)
        case e.EnvironmentFetched():
            return replace(state, nodes=state.nodes | {event.node_id})
        case e.EnvironmentDropped():
            return replace(state, nodes=state.nodes - {event.node_id})
        case e.EnvironmentInvalidated():
            return replace(state, archive=None, good=False)


def decide(state: Environment, command: c.EnvironmentCommand) -> list[e.EnvironmentEvent]:
    """The events of `command`; a repeated one yields none."""
    match command:
        case c.RecordBuild():
            return _built(state, command)
        case c.RecordFetch():
            known = not state.good or command.node_id in state.nodes
            return [] if known else [e.EnvironmentFetched(command.node_id, command.size_bytes, command.fetch_ms)]
        case c.RecordDrop():
            gone = command.node_id not in state.nodes
            return [] if gone else [e.EnvironmentDropped(command.node_id, command.reason)]
        case c.InvalidateEnvironment():
            if state.recipe is None:
                raise NotFound("There is no such environment.")
            return [e.EnvironmentInvalidated(command.requested_by, command.pruned)] if state.good else []


def _built(state: Environment, command: c.RecordBuild) -> list[e.EnvironmentEvent]:
    """A node that has it may build it again only after it was said to be without it, or to bring the archive that lacks."""
    if state.recipe not in (None, command.recipe):
        raise Invalid("This environment is made of something else.")
    if state.good and command.node_id in state.nodes and (state.archive or not command.archive):
        return []
    built = e.EnvironmentBuilt(
        command.recipe, command.node_id, command.packages, command.size_bytes, command.build_ms, command.archive
    )
    return [built]
