"""Runs a tool outside every box: uv or npm, which only unpack. It ends with us, and its words are kept to explain an end."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.runner.environments import growth
from services.runner.sandbox.spawn import Birth, Child, close_all

SAID_BYTES_MAX = 256 * 1024
SECONDS_MAX = 3600.0
MEMORY_BYTES_MAX = 4 * 1024**3
"""Of each process of a tool."""
PREPARED = (
    'test "$PPID" = "$1" || exit 125; umask 022; cd "$2" || exit 125; '
    'ulimit -S -f "$3" 2>/dev/null; ulimit -S -d "$4" 2>/dev/null; shift 4; exec "$@"'
)
"""Who comes too late to be killed with its parent sees that it has another one."""
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
COMMON = ("HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS")


@dataclass(frozen=True, slots=True)
class Done:
    """How a tool ended: `code` is negative for a signal, None when it took too long."""

    code: int | None
    said: str


async def run(argv: Sequence[str], folder: Path, env: Mapping[str, str], cache: Path | None = None) -> Done:
    """Run it in `folder`; it is killed when this is cancelled, and when this process is.

    Raises OSError; Unbuildable, Unbuilt when it has written too much there and in its `cache`.
    """
    setpriv = shutil.which("setpriv")
    tied = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    command = [*tied, "/bin/sh", "-c", PREPARED, "sh", str(os.getpid()), str(folder)]
    command += [str(growth.BYTES_MAX // 512), str(MEMORY_BYTES_MAX // 1024), *argv]
    words = os.memfd_create("words")
    try:
        child = Child(Birth(command, env, words, words).spawn())
        ending = asyncio.ensure_future(child.wait())
        growing = asyncio.create_task(growth.outgrown(folder, cache))
        try:
            await asyncio.wait((ending, growing), timeout=SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
            if growing.done() and not ending.done():
                raise growing.result()
            code = ending.result() if ending.done() else None
        finally:
            ending.cancel()
            growing.cancel()
            child.kill()
            await child.wait()
            child.close()
        size = os.fstat(words).st_size
        return Done(code, os.pread(words, SAID_BYTES_MAX, max(0, size - SAID_BYTES_MAX)).decode(errors="replace"))
    finally:
        close_all(words)


def surroundings(environ: Mapping[str, str], names: Sequence[str], prefixes: Sequence[str]) -> dict[str, str]:
    """What a tool gets of our environment: what leads it to its index, and nothing that names a grid or a person."""
    wanted = {*COMMON, *names, *PROXIES, *(name.lower() for name in PROXIES)}
    found = {name: text for name, text in environ.items() if name in wanted or name.startswith(tuple(prefixes))}
    return {"PATH": os.defpath.lstrip(":"), **found}
