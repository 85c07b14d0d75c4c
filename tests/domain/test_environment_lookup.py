"""The words about an environment: there, or why not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.environment.lookup import Made, changed_lookup, differences, made_lookup, targets_for
from domain.execution.events import Lookup
from domain.execution.job import Environment, Job
from domain.files import FileRef
from domain.node.offer import Offer

PACKAGES = Environment("python", FileRef("requirements.lock", "b" * 64, 9), "requirements.txt")
JOB = Job("python", FileRef("a.py", "a" * 64, 1), environment=PACKAGES)
HERE = "cpython-3.11.7-linux-x86_64"
THERE = "cpython-3.12.1-linux-x86_64"
MADE = Made("env_1", HERE, 6, 900, ("n1",))
OFFER = Offer(
    "local", 1, 1, "process", ("python", "python3.11", "python3.12"), targets=(HERE, THERE, "node-20-linux-x86_64")
)


def said(wanted: set[str], *made: Made, job: Job = JOB) -> Lookup | None:
    return made_lookup(job, made, wanted)


def test_what_is_made_for_a_node_of_now_is_a_hit() -> None:
    assert said({HERE}, MADE) == Lookup("hit", "6 packages of requirements.txt, built before")
    assert said({THERE, HERE}, MADE) == said({HERE}, MADE)
    assert said({HERE}, replace(MADE, packages=1)) == Lookup("hit", "1 package of requirements.txt, built before")


def test_without_nodes_anything_that_fits_is_one() -> None:
    assert said(set(), MADE) == said({HERE}, MADE)
    assert said(set(), MADE, job=replace(JOB, interpreter="3.12")) is None


def test_who_brings_an_image_needs_one_that_was_made_in_one() -> None:
    own = replace(JOB, image="mine:1")
    assert targets_for(own, [OFFER]) == set()
    assert said(set(), MADE, job=own) is None
    assert said(set(), MADE, replace(MADE, target=f"{HERE}-image-ab"), job=own) == said({HERE}, MADE)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("cpython-3.11.9-linux-x86_64", f"made for {HERE}, the nodes have 3.11.9: the interpreter changed"),
        ("pypy-3.11.7-linux-x86_64", f"made for {HERE}, the nodes have pypy 3.11.7: the interpreter changed"),
        ("cpython-3.11.7-linux-aarch64", f"made for {HERE}, the nodes are linux-aarch64: the platform changed"),
        (f"{HERE}-image-ab", f"made for {HERE}, now it is {HERE}-image-ab: the image changed"),
    ],
)
def test_what_is_made_for_something_else_is_a_miss(wanted: str, words: str) -> None:
    assert said({wanted}, MADE) == Lookup("miss", words)


def test_what_was_thrown_away_says_by_whom() -> None:
    gone = replace(MADE, good=False, invalidated_by="key:9f2c")
    assert said({HERE}, gone) == Lookup("miss", "was invalidated by key:9f2c")
    assert said({HERE}, replace(gone, pruned=True)) == Lookup("miss", "was pruned by key:9f2c, to spare room")
    assert said({HERE}, replace(gone, pruned=True, invalidated_by="")) == Lookup("miss", "was pruned")
    assert said({THERE}, gone) is None
    assert said({HERE}, replace(gone, id="env_2", target=THERE), MADE) == said({HERE}, MADE)


def test_what_was_never_made_says_nothing() -> None:
    assert said({HERE}) is None


def test_who_asks_for_no_version_gets_the_nodes_own() -> None:
    assert targets_for(JOB, [OFFER]) == {HERE, THERE}
    assert targets_for(JOB, [replace(OFFER, labels={"python": "3.11.7"})]) == {HERE}
    assert targets_for(replace(JOB, interpreter="3.12"), [replace(OFFER, labels={"python": "3.11.7"})]) == {THERE}
    assert targets_for(replace(JOB, interpreter="3.1"), [OFFER]) == set()
    assert targets_for(replace(JOB, runtime="node"), [replace(OFFER, runtimes=("node",))]) == {"node-20-linux-x86_64"}
    assert targets_for(JOB, [replace(OFFER, runtimes=("sh",))]) == set()


def test_differences_are_told_in_order_and_bounded() -> None:
    before = {"attrs": "1", "pandas": "2.2", "z": "1"}
    assert differences(before, {"pandas": "2.3", "six": "1.16", "z": "1"}) == "pandas 2.2 → 2.3, +six 1.16, -attrs"
    many = {f"p{n:02}": "1" for n in range(18)}
    assert differences({}, many).endswith("+p05 1, and 12 more")
    assert differences(before, before) == "the same packages, locked in another way"


def test_a_changed_lock_names_where_it_came_from() -> None:
    assert changed_lookup(PACKAGES, {"a": "1"}, {"a": "2"}).reason == "requirements.txt changed: a 1 → 2"
    assert changed_lookup(PACKAGES, None, {"a": "2"}).reason == "requirements.txt changed"
    assert changed_lookup(replace(PACKAGES, source=""), None, None).reason == "requirements.lock changed"


@given(st.lists(st.text(), max_size=4), st.text(), st.booleans())
def test_any_target_has_words(targets: list[str], wanted: str, good: bool) -> None:
    found = said({wanted}, *[replace(MADE, target=each, good=good) for each in targets])
    assert found is None or found.reason
