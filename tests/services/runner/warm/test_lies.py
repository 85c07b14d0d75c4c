"""A package can make its zygote say anything: what comes of it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from services.runner.sandbox.find_cgroup import find_groups
from services.runner.warm.warm import Warm
from tests.services.runner.boxes import BASE_ENV, Scripts
from tests.services.runner.conftest import NODES

LIES = {
    "the runner": "line.getsockopt(socket.SOL_SOCKET, 77)",
    "the zygote": "itself",
    "no process": "os.open('/dev/null', os.O_RDONLY)",
    "a file": "os.open('/tmp/file', os.O_RDWR | os.O_CREAT)",
}
LIAR = """
import os, socket
itself, send = os.pidfd_open(os.getpid()), socket.send_fds

def lie(line, said, fds, *more):
    return send(line, said, [TOLD] if said == [b"born"] else fds, *more)

socket.send_fds = lie
"""


def lying(folder: Path, module: str) -> dict[str, object]:
    """How a script is started whose packages are this one module."""
    (folder / "packages").mkdir()
    (folder / "packages" / "liar.py").write_text(module)
    base = BASE_ENV | {"PYTHONPATH": "/env"}
    return {"environment": folder / "packages", "base_env": base, "imports": ("liar",)}


@pytest.mark.parametrize("told", LIES)
async def test_what_a_zygote_sends_as_its_box(warm: Scripts, nest_of: Warm, tmp_path: Path, told: str) -> None:
    """Nothing of it is put under limits or killed but what the zygote forked."""
    more = lying(tmp_path, LIAR.replace("TOLD", LIES[told]))
    await warm.run("", **more)
    await asyncio.gather(*nest_of.nest._tasks)
    before = len(list(Path("/proc/self/fd").iterdir()))
    outcome = await warm.run("print('cold')", **more)
    assert (outcome.stdout, outcome.warm) == ("cold\n", False)
    await asyncio.gather(*nest_of.nest._tasks)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert not nest_of.nest.warm
    groups = find_groups(NODES[0])[0]
    assert groups is None or os.getpid() not in [pid for group in groups.leftovers() for pid in group.pids()]
