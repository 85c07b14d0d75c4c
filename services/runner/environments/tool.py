"""Runs a tool outside every box: uv or npm, which only unpack. It ends with us, and its words are kept to explain an end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.runner.environments import growth
from services.runner.sandbox.shimmed import Order, birth, end_shim, heard
from services.runner.sandbox.spawn import Child, close_all, pipe

SAID_BYTES_MAX = 256 * 1024
SECONDS_MAX = 3600.0
MEMORY_BYTES_MAX = 4 * 1024**3
"""Of each process of a tool."""
PREPARED = 'umask 022; ulimit -S -f "$1" 2>/dev/null; ulimit -S -d "$2" 2>/dev/null; shift 2; exec "$@"'
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
COMMON = ("HOME", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS")


@dataclass(frozen=True, slots=True)
class Done:
    """How a tool ended: `code` is negative for a signal, None when it took too long."""

    code: int | None
    said: str


async def run(argv: Sequence[str], folder: Path, env: Mapping[str, str], cache: Path | None = None) -> Done:
    """Run it in `folder`; it and all that it starts is killed when this is cancelled, and when this process is.

    Raises OSError; Unbuildable, Unbuilt when it has written too much there and in its `cache`.
    """
    words, (answer, answer_writing), (gate_reading, gate) = os.memfd_create("words"), pipe(), os.pipe()
    bounds = [str(growth.BYTES_MAX // 512), str(MEMORY_BYTES_MAX // 1024)]
    order = Order(["/bin/sh", "-c", PREPARED, "sh", *bounds, *argv], env, str(folder)).written()
    try:
        os.write(gate, b"x")
        child = Child(birth(words, words, order, gate_reading, answer_writing).spawn())
        ending = asyncio.ensure_future(child.wait())
        growing = asyncio.create_task(growth.outgrown(folder, cache))
        try:
            await asyncio.wait((ending, growing), timeout=SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
            if growing.done() and not ending.done():
                raise growing.result()
            code = _code(answer) if ending.done() else None
        finally:
            ending.cancel()
            growing.cancel()
            await end_shim(child)
            child.close()
        size = os.fstat(words).st_size
        return Done(code, os.pread(words, SAID_BYTES_MAX, max(0, size - SAID_BYTES_MAX)).decode(errors="replace"))
    finally:
        close_all(words, answer, answer_writing, gate_reading, gate, order)


def _code(answer: int) -> int:
    """As the shim tells it; one that was killed tells nothing."""
    said = heard(answer)
    if "failed" in said:
        raise OSError(said["failed"])
    return os.waitstatus_to_exitcode(said.get("status", signal.SIGKILL.value))


def surroundings(environ: Mapping[str, str], names: Sequence[str], prefixes: Sequence[str]) -> dict[str, str]:
    """What a tool gets of our environment: what leads it to its index, and nothing that names a grid or a person."""
    wanted = {*COMMON, *names, *PROXIES, *(name.lower() for name in PROXIES)}
    found = {name: text for name, text in environ.items() if name in wanted or name.startswith(tuple(prefixes))}
    return {"PATH": os.defpath.lstrip(":"), **found}
