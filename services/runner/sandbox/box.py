"""What every sandbox is: it starts a script with limits, and can end it so that nothing of it is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from domain.execution.events import Usage
from domain.execution.job import Limits
from services.runner.interpreters import Interpreter

PIDS_MAX = 512
"""Processes and threads of one attempt: enough for any honest script, too few for a fork bomb to hurt."""
BOX_UID = 64321
"""The numeric user of a script where the runner is root: nobody on the machine has it."""


class StartFailed(Exception):
    """The box could not be made; nothing of the script ran."""


class ImageRefused(Exception):
    """The image that a person asked for cannot be used; `final`: another try will not change that."""

    def __init__(self, code: str, message: str, hint: str, *, final: bool = True) -> None:
        super().__init__(message)
        self.code, self.message, self.hint, self.final = code, message, hint, final


ENVIRONMENT = "/env"
"""Where a box shows the environment of a Python script, read-only."""
NODE_MODULES = "/node_modules"
"""Where a box shows the packages of a Node script: above every folder, so that `import` finds them."""
SECRETS = "/run/secrets"
"""Where a box shows secrets that are files, in memory."""


@dataclass(frozen=True, slots=True)
class Warmth:
    """What a warm start may be shared by: runs of one `account`; `imports` are loaded before the script begins."""

    account: str
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """One start. `name` is unique on the node; `folder` is the working folder, `scratch` a folder for what is private.

    `env` is the person's, secrets included; `base_env` is what the runner sets (it holds nothing that a person chose).
    `environment` is the folder of the packages (services.runner.environments); `warm` None: a process of its own.
    """

    name: str
    argv: tuple[str, ...]
    folder: Path
    scratch: Path
    limits: Limits = field(default_factory=Limits)
    network: bool = False
    env: Mapping[str, str] = field(default_factory=dict)
    base_env: Mapping[str, str] = field(default_factory=dict)
    environment: Path | None = None
    image: str = ""
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    """Content of the files in SECRETS by name."""
    warm: Warmth | None = None
    shown: tuple[str, ...] = ()
    """Further folders of the machine that a confined box shows where they are, read-only: never for a person's script."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How the main process ended: exit code, or the number of the signal that ended it (then `code` is 128 + signal).

    `started` is False when the box failed before the script could begin; `seen` is False when only the exit code tells
    of the signal, which a script can also choose by itself.
    """

    code: int
    signal: int | None = None
    started: bool = True
    seen: bool = True


class Running(Protocol):
    """A script that was started. `stdout` and `stderr` are the reading ends of its pipes; the caller closes them."""

    stdout: int
    stderr: int
    warm: bool
    """It was forked from an interpreter that was there already."""

    async def wait(self) -> Exit:
        """The end of the main process; others of its tree may still run."""

    async def kill(self, grace_seconds: float) -> None:
        """SIGTERM, after `grace_seconds` SIGKILL to all that is left; returns when nothing is left. 0: SIGKILL at once."""

    def gone(self) -> bool:
        """Nothing of the tree exists any more."""

    def pids(self) -> list[int]:
        """What lives of the tree, as this process sees it; without process 1 of a box, which is ours."""

    def usage(self) -> Usage:
        """What the whole tree used; complete once it is gone."""

    def oom(self) -> bool:
        """The kernel says that it killed a process of the tree because the memory limit was reached."""

    def guarded(self) -> bool:
        """A control group keeps its limits."""

    def close(self) -> None:
        """Give back what the box held (groups, descriptors), after it is gone."""


class Sandbox(Protocol):
    """A way to run scripts."""

    kind: str
    home: str
    """HOME and TMPDIR as the script sees them; empty: its `Spec.scratch`."""
    confined: bool
    """A script sees ENVIRONMENT, NODE_MODULES and SECRETS; otherwise the folders of the machine as they are."""
    interpreters: tuple[Interpreter, ...]
    """What runs in it."""

    async def start(self, spec: Spec) -> Running:
        """Raises StartFailed when the box cannot be made."""


@runtime_checkable
class TakesImages(Protocol):
    """A sandbox that also runs scripts in a person's own container image."""

    async def interpreters_in(self, image: str) -> tuple[Interpreter, ...]:
        """What runs in the image, which is fetched if need be. Raises ImageRefused."""
