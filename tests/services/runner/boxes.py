"""Runs snippets in a real sandbox and says what came of them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

from domain.execution.events import Usage
from domain.execution.job import Limits
from services.runner.interpreters import pick
from services.runner.sandbox.box import Exit, Running, Sandbox, Spec, Warmth
from services.runner.sandbox.spawn import close_all
from services.runner.warm.key import key_of
from services.runner.warm.warm import Warm

MIB = 1024**2
BASE_ENV = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}


@dataclass
class Outcome:
    exit: Exit
    stdout: str
    stderr: str
    usage: Usage
    oom: bool
    gone: bool
    warm: bool = False


@dataclass
class Boxes:
    """One sandbox and a folder in which it works."""

    sandbox: Sandbox
    folder: Path
    count: int = field(default=0)

    async def start(
        self,
        code: str,
        *arguments: str,
        env: dict[str, str] | None = None,
        network: bool = False,
        memory: int = 512 * MIB,
        runtime: str = "python",
        disk: int = 1024 * MIB,
        **more: object,
    ) -> Running:
        self.count += 1
        name = f"t{os.getpid()}-{self.count}"
        work, scratch = self.folder / name / "work", self.folder / name / "tmp"
        work.mkdir(parents=True)
        scratch.mkdir()
        flags = ("-I", "-c") if runtime == "python" else ("-c",)
        found = pick(self.sandbox.interpreters, runtime, "")
        argv, limits = (found.program, *flags, code, *arguments), Limits(2000, memory, 60, disk)
        return await self.sandbox.start(
            Spec(name, argv, work, scratch, limits, network, env or {}, BASE_ENV, image=found.image, **more)  # type: ignore[arg-type]
        )

    async def run(self, code: str, *arguments: str, **options: object) -> Outcome:
        """Until its end; small outputs only."""
        return await finish(await self.start(code, *arguments, **options))  # type: ignore[arg-type]


@dataclass
class Scripts(Boxes):
    """Runs scripts from a file, warm (`warm`) or cold; a sandbox that can fork them has warmed up before the first."""

    warm: bool = True
    script: str = "main.py"
    warmed_up: bool = True
    """Before each script."""

    async def start(
        self,
        code: str,
        *arguments: str,
        env: dict[str, str] | None = None,
        base_env: dict[str, str] | None = None,
        network: bool = False,
        memory: int = 512 * MIB,
        runtime: str = "python",
        disk: int = 1024 * MIB,
        files: dict[str, str] | None = None,
        account: str = "local",
        imports: tuple[str, ...] = (),
        program: str = "",
        **more: object,
    ) -> Running:
        if runtime != "python":
            return await super().start(
                code, *arguments, env=env, network=network, memory=memory, runtime=runtime, disk=disk
            )
        self.count += 1
        name = f"t{os.getpid()}-{self.count}"
        work, scratch = self.folder / name / "work", self.folder / name / "tmp"
        for path, text in {**(files or {}), self.script: code}.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text, encoding="utf-8", errors="surrogateescape")
        scratch.mkdir()
        argv = (program or pick(self.sandbox.interpreters, runtime, "").program, self.script, *arguments)
        warm = Warmth(account, imports) if self.warm else None
        limits = Limits(2000, memory, 60, disk)
        spec = Spec(name, argv, work, scratch, limits, network, env or {}, base_env or BASE_ENV, warm=warm, **more)  # type: ignore[arg-type]
        await self._warmed_up(spec)
        return await self.sandbox.start(spec)

    async def _warmed_up(self, spec: Spec) -> None:
        if self.warmed_up and isinstance(self.sandbox, Warm) and spec.warm is not None:
            key = key_of(spec, self.sandbox.interpreters)
            if key is not None:
                self.sandbox.nest.find(key, spec.warm.imports)
                await asyncio.gather(*self.sandbox.nest.warming.values(), return_exceptions=True)


async def finish(running: Running, *, end: bool = False) -> Outcome:
    """Wait until it has come to its end, or `end` it."""
    if end:
        await running.kill(0)
    ended = await running.wait()
    await running.kill(0)
    outcome = Outcome(
        ended, _all(running.stdout), _all(running.stderr), running.usage(), running.oom(), running.gone(), running.warm
    )
    close_all(running.stdout, running.stderr)
    running.close()
    return outcome


def _all(fd: int) -> str:
    try:
        return os.read(fd, 1024 * 1024).decode(errors="backslashreplace")
    except BlockingIOError:
        return ""
