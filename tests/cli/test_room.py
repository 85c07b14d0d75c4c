"""What no node could ever hold is said when it is submitted."""

import pytest

from cli.job.room import too_large

GIB = 1024**3
NODES = [{"cpu_millis": 2000, "memory_bytes": 16 * GIB}, {"cpu_millis": 8000, "memory_bytes": 4 * GIB}]


@pytest.mark.parametrize(
    ("asked", "nodes", "said"),
    [
        ({"cpu_millis": 8000}, NODES, ""),
        ({"cpu_millis": 999_000}, NODES, "No node has room for 999 cpu at once; the largest have 8 cpu."),
        ({"memory_bytes": 900 * GIB}, NODES, "No node has room for 900 GiB at once; the largest have 16 GiB."),
        ({"cpu_millis": 8000, "memory_bytes": 8 * GIB}, NODES, "8 cpu and 8 GiB at once"),
        ({"cpu_millis": 999_000}, [], ""),
    ],
)
def test_too_large(asked, nodes, said):
    found = too_large(asked, nodes)
    assert said in found if said else not found
