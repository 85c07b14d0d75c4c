"""Which node it goes to, or why it waits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.execution.events import Reason
from domain.execution.job import Job, Limits
from domain.placement import NodeRoom, place
from tests.domain.sample import JOB

GIB = 1024**3
ROOM = NodeRoom("n1", "a", "local", ("python", "sh"), 4_000, 8 * GIB, 4_000, 8 * GIB)
SMALL = replace(JOB, limits=Limits(1_000, 2 * GIB))


@pytest.mark.parametrize(
    ("code", "job", "nodes"),
    [
        ("NO_NODES", SMALL, []),
        ("NO_RUNTIME", replace(SMALL, runtime="node"), [ROOM]),
        ("NO_RUNTIME", replace(SMALL, interpreter="3.12"), [ROOM]),
        ("NO_CONTAINERS", replace(SMALL, image="mine:1"), [ROOM]),
        ("NO_RUNTIME", replace(SMALL, image="mine:1", interpreter="3.12"), [ROOM]),
        ("TOO_LARGE", replace(SMALL, limits=Limits(5_000, GIB)), [ROOM]),
        ("TOO_LARGE", replace(SMALL, limits=Limits(1_000, 9 * GIB)), [ROOM]),
        ("WAITING_FOR_CPU", SMALL, [replace(ROOM, cpu_free_millis=999)]),
        ("WAITING_FOR_MEMORY", SMALL, [replace(ROOM, memory_free_bytes=GIB)]),
        ("WAITING_FOR_MEMORY", SMALL, [replace(ROOM, memory_free_bytes=GIB), replace(ROOM, cpu_free_millis=0)]),
    ],
)
def test_it_waits_for_a_named_reason(code: str, job: Job, nodes: list[NodeRoom]) -> None:
    reason = place(job, nodes)
    assert isinstance(reason, Reason)
    assert reason.code == code
    assert reason.message.endswith(".")


def test_it_goes_where_the_least_room_is_left() -> None:
    tight = replace(ROOM, node_id="n2", cpu_free_millis=1_000)
    assert place(SMALL, [ROOM, tight]) == tight
    assert place(SMALL, [replace(tight, cpu_free_millis=999), ROOM]) == ROOM
    assert place(SMALL, [replace(ROOM, node_id="n9"), ROOM]) == ROOM


def test_what_is_too_large_is_said_in_whole_numbers_and_what_to_do() -> None:
    reason = place(replace(SMALL, limits=Limits(64_000, 900 * GIB)), [ROOM])
    assert isinstance(reason, Reason)
    assert "64 cpu and 900 GiB; the largest nodes have 4 cpu, 8 GiB." in reason.message
    assert "rgrid cancel ID" in reason.hint


rooms = st.builds(
    NodeRoom,
    node_id=st.sampled_from(["n1", "n2", "n3"]),
    incarnation=st.just("a"),
    node_type=st.just("local"),
    runtimes=st.sampled_from([("python",), ("node",), ()]),
    cpu_millis=st.integers(0, 4_000),
    memory_bytes=st.integers(0, 4 * GIB),
    cpu_free_millis=st.integers(-1_000, 4_000),
    memory_free_bytes=st.integers(-GIB, 4 * GIB),
)


@settings(deadline=None)
@given(st.lists(rooms, max_size=5), st.integers(1, 4_000), st.integers(1, 4 * GIB))
def test_it_fits_where_it_goes_and_waits_only_where_nothing_fits(nodes: list[NodeRoom], cpu: int, memory: int) -> None:
    def fits(node: NodeRoom) -> bool:
        whole = node.cpu_millis >= cpu and node.memory_bytes >= memory and "python" in node.runtimes
        return whole and node.cpu_free_millis >= cpu and node.memory_free_bytes >= memory

    found = place(replace(JOB, limits=Limits(cpu, memory)), nodes)
    if isinstance(found, NodeRoom):
        assert fits(found)
        assert place(replace(JOB, limits=Limits(cpu, memory)), nodes[::-1]) == found or nodes.count(found) > 0
    else:
        assert not any(fits(node) for node in nodes)


def test_a_version_and_an_image_are_met_by_who_offers_them() -> None:
    able = replace(ROOM, runtimes=("python", "python3.12"), sandbox="docker")
    assert place(replace(SMALL, interpreter="3.12", image="mine:1"), [ROOM, able]) == able
