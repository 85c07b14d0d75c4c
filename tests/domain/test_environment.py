"""An environment: built on a node, fetched by others, thrown away, built again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.environment import commands as c
from domain.environment import events as e
from domain.environment.decider import environment_id, recipe_of
from domain.errors import Invalid, NotFound
from domain.execution.job import Environment
from domain.files import FileRef
from tests.domain.story import environment

RECIPE = e.Recipe("python", "a" * 64, "cpython-3.11.7-linux-x86_64")
ARCHIVE = FileRef("environment.tar.zst", "b" * 64, 1000)
INVALIDATE = c.InvalidateEnvironment("me")


def build(node: str = "n1", archive: FileRef | None = ARCHIVE) -> c.RecordBuild:
    return c.RecordBuild(RECIPE, node, 6, 4000, 1200, archive)


def built(node: str = "n1", archive: FileRef | None = ARCHIVE) -> e.EnvironmentBuilt:
    return e.EnvironmentBuilt(RECIPE, node, 6, 4000, 1200, archive)


def test_a_node_builds_it_once() -> None:
    environment.when(build()).then(built())
    environment.given(built()).when(build()).then()
    environment.given(built()).when(build("n2")).then(built("n2"))


def test_the_archive_may_come_later_and_stays() -> None:
    story = environment.given(built(archive=None)).when(build()).then(built())
    assert story.given(built("n2", None)).state.archive == ARCHIVE


def test_another_node_fetches_it_and_drops_it() -> None:
    fetch, fetched = c.RecordFetch("n2", 4000, 300), e.EnvironmentFetched("n2", 4000, 300)
    story = environment.given(built()).when(fetch).then(fetched)
    assert story.state.nodes == {"n1", "n2"}
    dropped = story.when(c.RecordDrop("n1", "budget")).then(e.EnvironmentDropped("n1", "budget"))
    assert dropped.state.nodes == {"n2"} and dropped.state.archive == ARCHIVE
    dropped.when(c.RecordDrop("n1", "budget")).then()


def test_what_was_never_built_is_not_fetched_or_thrown_away() -> None:
    environment.when(c.RecordFetch("n1", 1, 1)).then()
    environment.when(c.RecordDrop("n1", "budget")).then()
    environment.when(INVALIDATE).then_refused(NotFound)


def test_what_is_thrown_away_is_built_again_by_whoever_needs_it() -> None:
    invalidated = e.EnvironmentInvalidated("me")
    story = environment.given(built()).when(INVALIDATE).then(invalidated)
    assert story.state.archive is None
    story.when(INVALIDATE).then()
    story.when(c.RecordFetch("n2", 1, 1)).then()
    assert story.when(build()).then(built()).state.archive == ARCHIVE


def test_an_id_belongs_to_one_recipe() -> None:
    environment.given(built()).when(replace(build("n2"), recipe=replace(RECIPE, builds=True))).then_refused(Invalid)


@pytest.mark.parametrize("change", [{"kind": "node"}, {"lock": "c" * 64}, {"target": "x"}, {"builds": True}])
def test_another_recipe_has_another_id(change: dict[str, object]) -> None:
    assert environment_id(replace(RECIPE, **change)) != environment_id(RECIPE)
    assert environment_id(replace(RECIPE)) == environment_id(RECIPE)


def test_where_it_was_declared_makes_no_difference() -> None:
    lock = FileRef("requirements.lock", "a" * 64, 10)
    first = recipe_of(Environment("python", lock, "requirements.txt", imports=("pandas",)), RECIPE.target)
    assert (
        first == recipe_of(Environment("python", replace(lock, path="x"), "the block in a.py"), RECIPE.target) == RECIPE
    )
