"""A zygote as the runner has it: the process, what it said of itself, and the forks that live in it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from services.runner.sandbox.spawn import close_all, readable
from services.runner.warm.key import Key
from services.runner.warm.proof import is_box, left_behind, pid_of

WARM_SECONDS = 60.0
BIRTH_SECONDS = 10.0
HELLO_BYTES = 256 * 1024
ORDER = b"fork"


class NotBorn(Exception):
    """The zygote made no box; nothing of the script ran."""


class Process(Protocol):
    """The process of a zygote, however it was started, as the machine's owner sees it."""

    @property
    def control(self) -> socket.socket:
        """Where it takes orders: datagrams that carry descriptors, not blocking."""

    @property
    def pid(self) -> int:
        """The process from which all that it forks comes, as this process counts; 0 once it has ended."""

    @property
    def below(self) -> int:
        """How many processes there are below `pid` while nothing runs in it: from ours down to the zygote itself."""

    async def mount(self, folder: Path) -> int:
        """A descriptor of a mount of `folder` that a fork can put into its box; the caller closes it. Raises OSError."""

    def alive(self) -> bool:
        """It has not ended."""

    async def end(self) -> None:
        """Kill it and all that it forked, and see it gone."""


class Hatchery(Protocol):
    """Starts the processes of zygotes: in a box of bubblewrap, in a container."""

    async def hatch(self, key: Key, imports: Sequence[str]) -> Process:
        """It begins to load `imports`, and says hello through its control when it has. Raises OSError, StartFailed."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a zygote says of itself when it is warm."""

    loaded: frozenset[str]
    missed: frozenset[str]
    read: frozenset[str]
    refused: dict[str, str]
    threads: int
    fit: bool

    @classmethod
    def of(cls, said: dict[str, Any]) -> Hello:
        sets = {name: frozenset(said[name]) for name in ("loaded", "missed", "read")}
        return cls(**sets, refused=said["refused"], threads=said["threads"], fit=said["fit"])

    @property
    def why_not(self) -> str:
        """Why it cannot serve, empty if it can."""
        if not self.fit:
            return "this interpreter cannot be told afterwards what to run"
        return "" if self.threads == 1 else "a module starts threads when it is imported"


class Zygote:
    """One that is warm. `runs` were forked from it, `living` of them are not over."""

    def __init__(self, process: Process, hello: Hello, imports: frozenset[str]) -> None:
        self.process, self.hello, self.imports = process, hello, imports
        self.runs = self.living = 0
        self.born = self.used = time.monotonic()
        self._when_idle: Callable[[], None] | None = None

    def serves(self, variables: set[str], beside: set[str]) -> bool:
        """Nothing that it has loaded would be another thing for a script with these variables and these files beside it."""
        if variables & self.hello.read or (variables and "*" in self.hello.read):
            return False
        return not beside & (self.hello.loaded | self.hello.missed)

    def age(self) -> float:
        """Seconds."""
        return time.monotonic() - self.born

    def idle_seconds(self) -> float:
        return time.monotonic() - self.used

    def when_idle(self, then: Callable[[], None]) -> None:
        """Call it when nothing runs in it (any more)."""
        self._when_idle = then
        self._look()

    async def fork(self, order: int, descriptors: Sequence[int]) -> tuple[int, socket.socket]:
        """A pidfd of process 1 of the new box, and the line to it; `descriptors` follow `order`. Raises NotBorn.

        Packages can make a zygote say anything: that the pidfd is of such a process is the kernel's word.
        The box waits for a byte on the line before anything of the script runs, and for `run_over` to be called in the end.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        self.runs += 1
        self.living += 1
        fds: list[int] = []
        try:
            with theirs:
                socket.send_fds(self.process.control, [ORDER], [theirs.fileno(), order, *descriptors])
            async with asyncio.timeout(BIRTH_SECONDS):
                await readable(ours.fileno())
            said, fds, _, _ = socket.recv_fds(ours, 4096, 1, socket.MSG_CMSG_CLOEXEC)
            if said != b"born" or len(fds) != 1:
                raise NotBorn(said.decode(errors="replace") or "it is gone")
            if not is_box(pid_of(fds[0]), self.process.pid):
                raise NotBorn("what it sent is no box that it forked")
        except BaseException as error:
            ours.close()
            close_all(*fds)
            self.run_over()
            if isinstance(error, (OSError, TimeoutError)):
                raise NotBorn(str(error) or type(error).__name__) from error
            raise
        return fds[0], ours

    def run_over(self) -> None:
        self.living -= 1
        self.used = time.monotonic()
        self._look()

    def alone(self) -> bool:
        """No package has left a process in it: that would go on between the runs. To be asked while nothing runs in it."""
        return not left_behind(self.process.pid, self.process.below)

    def _look(self) -> None:
        if self._when_idle is not None and not self.living:
            then, self._when_idle = self._when_idle, None
            then()


async def greeted(process: Process) -> Hello:
    """What it says when it is warm. Raises OSError, TimeoutError, ValueError."""
    async with asyncio.timeout(WARM_SECONDS):
        await readable(process.control.fileno())
    said = process.control.recv(HELLO_BYTES)
    if not said:
        raise ValueError("it ended while it was warming up")
    return Hello.of(json.loads(said))
