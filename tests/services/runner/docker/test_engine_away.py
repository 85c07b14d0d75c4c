"""An engine that goes away while a script runs: nothing of the script is lost sight of."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.runner.sandbox.box import StartFailed
from services.runner.sandbox.docker import containers, running
from services.runner.sandbox.docker.desk import desks
from services.runner.sandbox.docker.engine import socket_of
from services.runner.sandbox.spawn import readable
from tests.fixtures.docker import docker
from tests.services.runner.boxes import finish
from tests.services.runner.docker.conftest import NODE, Open, Opened

pytestmark = [pytest.mark.needs("docker"), pytest.mark.needs("cgroup")]


class Line:
    """A socket before the engine's own, which can be cut, and can be made to swallow all that is said."""

    def __init__(self, path: str, engine: str) -> None:
        self.path, self.engine = path, engine
        self.cut = self.mute = False
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> asyncio.Server:
        return await asyncio.start_unix_server(self._serve, self.path)

    def break_(self) -> None:
        self.cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.transport.abort()
            return
        theirs, to_engine = await asyncio.open_unix_connection(self.engine)
        self._writers |= {writer, to_engine}
        with contextlib.suppress(OSError):
            await asyncio.gather(self._pass(reader, to_engine), self._pass(theirs, writer))
        self._writers -= {writer, to_engine}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self.mute:
                writer.write(data)
                await writer.drain()
        writer.close()


@pytest.fixture
async def line(needs_docker: None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Line]:
    with tempfile.TemporaryDirectory(prefix="rgrid-t-") as folder:
        found = Line(f"{folder}/sock", socket_of())
        server = await found.open()
        monkeypatch.setenv("DOCKER_HOST", f"unix://{found.path}")
        yield found
        found.break_()
        server.close()


@pytest.fixture
async def opened(line: Line, open_containers: Open) -> AsyncIterator[Opened]:
    found = await open_containers()
    await asyncio.gather(*found.sandbox.containers._removals)  # of the containers that images were asked in
    yield found
    line.cut = line.mute = False
    directly = ("-H", f"unix://{line.engine}")
    names = docker(*directly, "ps", "-aq", "--filter", f"label=rgrid.node={NODE}").stdout.split()
    if names:
        docker(*directly, "rm", "-f", *names)


async def test_an_engine_that_is_away_for_a_moment_is_asked_again(opened: Opened, line: Line) -> None:
    started = await opened.boxes.start("import time; print('up', flush=True); time.sleep(1); raise SystemExit(7)")
    await readable(started.stdout)
    line.break_()
    await asyncio.sleep(0.3)
    line.cut = False
    assert (await finish(started)).exit.code == 7


@pytest.mark.parametrize("how", ["cut", "mute"])
async def test_a_script_is_ended_and_seen_gone_without_the_engine(
    opened: Opened, line: Line, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "KILL_SECONDS", 0.5)
    monkeypatch.setattr(running, "REMOVE_SECONDS", 0.5)
    started = await opened.boxes.start("import time; print('up', flush=True); time.sleep(1000)")
    await readable(started.stdout)
    line.break_() if how == "cut" else setattr(line, "mute", True)
    outcome = await finish(started, end=True)
    assert (outcome.exit.signal, outcome.gone, outcome.stdout) == (9, True, "up\n")


async def test_a_container_that_cannot_be_begun_leaves_nothing(
    opened: Opened, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "CREATE_SECONDS", 0.5)
    line.mute = True
    before = _pipes()
    with pytest.raises(StartFailed, match="the container cannot be made"):
        await opened.boxes.start("pass")
    assert _pipes() <= before
    assert not [path for path in desks(NODE).glob("*") if path.name.startswith("t")]


def _pipes() -> set[str]:
    """The ends of named pipes that this process holds."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.add(str(path.readlink()))
    return {each for each in found if each.startswith(str(desks(NODE)))}
