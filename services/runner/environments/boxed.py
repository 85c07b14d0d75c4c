"""Makes a Python environment whose packages may have to be built: their own code runs then, so all of uv runs in a box.

The box has the network, the settings that lead uv to its index, and, to be read, the folders that those name; it has no other
of the node's folders and no other cache.
Names and passwords for an index stay outside: the code of any tenant could read them there.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from domain.execution.job import Limits
from services.runner.cleaning import remove_now
from services.runner.disk import DiskWatch
from services.runner.environments.blame import uv_failed
from services.runner.environments.bytecode import compiled
from services.runner.environments.failures import Unbuildable, Unbuilt
from services.runner.environments.lockfile import Pins
from services.runner.environments.python import CALM, LOCK, ONLY_THIS, finish
from services.runner.environments.tail import Tail
from services.runner.environments.tidy import tidy
from services.runner.environments.tool import Done
from services.runner.environments.uv import find_uv, local_folders, uv_environment, without_credentials
from services.runner.interpreters import Interpreter
from services.runner.sandbox.box import ENVIRONMENT, Sandbox, Spec, StartFailed

LIMITS = Limits(2000, 4 * 1024**3, 3600, 10 * 1024**3)
PATH = "/usr/local/bin:/usr/bin:/bin"
CERTIFICATES = "certificates.pem"
TAKEN = ("/", "/dev", "/env", "/etc", "/proc", "/run", "/tmp", "/work")


async def make(
    folder: Path, pins: Pins, interpreter: Interpreter, here: Sequence[Interpreter], sandbox: Sandbox
) -> None:
    """Fill `folder`, which is new. Raises Unbuildable, Unbuilt, OSError."""
    room, tools, scratch = (folder.with_name(f"{folder.name}.{name}") for name in ("box", "tools", "tmp"))
    try:
        for each in (room, tools, scratch):
            each.mkdir(mode=0o755)
        (room / LOCK).write_text(pins.text)
        spec = await asyncio.to_thread(_spec, room, tools, scratch, interpreter, sandbox)
        done = await _run(sandbox, spec)
        if done.code != 0:
            raise uv_failed(done, builds=True)
        await asyncio.to_thread(_take, room / "made", folder)
        finish(folder, interpreter, [interpreter.program])
        await compiled(folder, interpreter, here)
    finally:
        for each in (room, tools, scratch):
            asyncio.get_running_loop().run_in_executor(None, remove_now, each)


def _spec(room: Path, tools: Path, scratch: Path, interpreter: Interpreter, sandbox: Sandbox) -> Spec:
    """Every path as the box sees it: its working folder is the room, the environment that it shows is the tools."""
    place = ENVIRONMENT if sandbox.confined else str(tools)
    shutil.copyfile(find_uv(), tools / "uv")
    (tools / "uv").chmod(0o755)
    env = without_credentials(uv_environment(os.environ))
    certificates = env.pop("SSL_CERT_FILE", "")
    if certificates and Path(certificates).is_file():
        shutil.copyfile(certificates, tools / CERTIFICATES)
        (tools / CERTIFICATES).chmod(0o644)
        env["SSL_CERT_FILE"] = f"{place}/{CERTIFICATES}"
    for name in ("HOME", "PATH", "XDG_CONFIG_HOME", "SSL_CERT_DIR", "UV_CONFIG_FILE", "UV_NO_CONFIG"):
        env.pop(name, None)
    home = sandbox.home or str(scratch)
    argv = [f"{place}/uv", "pip", "install", *CALM, "--no-config", "--cache-dir", "cache", *ONLY_THIS]
    argv += ["--link-mode", "copy", "--python", interpreter.program, "--prefix", "made", "-r", LOCK]
    shown = _shown(env) if sandbox.confined else ()
    base = {"PATH": PATH, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8"}
    name = f"build.{secrets.token_hex(6)}"
    return Spec(name, tuple(argv), room, scratch, LIMITS, True, env, base, tools, interpreter.image, shown=shown)


def _shown(env: Mapping[str, str]) -> tuple[str, ...]:
    """Those that the box does not need for itself."""
    return tuple(each for each in local_folders(env) if each not in TAKEN)


async def _run(sandbox: Sandbox, spec: Spec) -> Done:
    """Run it to its end, and end all that it left."""
    try:
        running = await sandbox.start(spec)
    except StartFailed as error:
        raise Unbuilt(str(error)) from error
    tail = Tail(running.stdout, running.stderr)
    ending = asyncio.create_task(running.wait())
    filling = asyncio.create_task(DiskWatch(spec.folder, LIMITS.disk_bytes).over())
    try:
        await asyncio.wait((ending, filling), timeout=LIMITS.timeout_seconds, return_when=asyncio.FIRST_COMPLETED)
        if filling.done():
            raise Unbuildable("building it took more than 10 GiB of disk", "Choose a version that has a wheel.")
        code = ending.result().code if ending.done() else None
    finally:
        ending.cancel()
        filling.cancel()
        await running.kill(0)
        said = tail.close()
        oom = running.oom()
        running.close()
    if oom:
        raise Unbuildable("building it took more than 4 GiB of memory", "Choose a version that has a wheel.")
    return Done(code, said)


def _take(made: Path, folder: Path) -> None:
    """Out of the hands of what ran in the box."""
    if not stat.S_ISDIR(made.lstat().st_mode):
        raise Unbuildable("what was built is not a folder")
    tidy(made)
    folder.rmdir()
    made.rename(folder)
