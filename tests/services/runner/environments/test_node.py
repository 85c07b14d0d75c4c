"""Packages of Node scripts, from a package-lock.json, with the registry that this machine's settings lead to."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from domain.execution.job import Environment
from services.runner.environments.lockfile import NodeLock, read_lock
from tests.services.runner.environments.conftest import python
from tests.services.runner.grid import Grid, Make

SCRIPT = """
import semver from "semver";
import { createRequire } from "node:module";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
const where = createRequire(import.meta.url).resolve("semver");
console.log(semver.inc("1.2.3", "minor"), where.startsWith("/node_modules/"));
console.log(execFileSync("semver", ["-i", "patch", "1.0.0"]).toString().trim());
try { fs.writeFileSync(where, ""); console.log("written"); } catch (error) { console.log("kept"); }
"""
BOTH = {"semver": "7.6.3"}


@pytest.fixture
def npm() -> None:
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed; apt install nodejs npm")


@cache
def locked(folder: str, **dependencies: str) -> bytes:
    """What a person has beside a script."""
    place = Path(folder)
    (place / "package.json").write_text(json.dumps({"name": "mine", "dependencies": dependencies}))
    subprocess.run(["npm", "install", "--package-lock-only", "--no-audit", "--no-fund"], cwd=place, check=True)
    return (place / "package-lock.json").read_bytes()


async def packages(grid: Grid, lock: bytes) -> Environment:
    return Environment("node", await grid.put("package-lock.json", lock))


@pytest.mark.parametrize("kind", ["bubblewrap", "process"])
async def test_a_script_finds_its_packages(
    npm: None, make_grid: Make, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "bubblewrap":
        request.getfixturevalue("needs_bubblewrap")
    grid = await make_grid(kind)
    (tmp_path / "mine").mkdir()
    environment = await packages(grid, locked(str(tmp_path / "mine"), **BOTH))
    execution, result = await grid.run(SCRIPT, runtime="node", path="main.mjs", environment=environment)
    out = grid.log(execution, "stdout").decode().splitlines()
    assert result.status == "succeeded", (result, grid.log(execution, "stderr"), out)
    assert out[:2] == [f"1.3.0 {'true' if kind == 'bubblewrap' else 'false'}", "1.0.1"]
    if kind == "bubblewrap":
        assert out[2] == "kept"
    [fact] = grid.facts("environment", execution)
    assert (fact["event"], fact["recipe"]["kind"]) == ("built", "node")
    grid.archives[fact["id"]] = fact["archive"]["sha256"]
    await grid.end()
    shutil.rmtree(grid.folder / "environments")
    grid.begin()
    again, result = await grid.run(SCRIPT, runtime="node", path="main.mjs", environment=environment)
    assert result.status == "succeeded", (result, grid.log(again, "stderr"))
    assert [each["event"] for each in grid.facts("environment", again)] == ["fetched"]


def lock_of(**packages: dict[str, Any]) -> bytes:
    root = {"dependencies": dict.fromkeys(packages, "*")}
    found = {f"node_modules/{name}": about for name, about in packages.items()}
    return json.dumps({"name": "mine", "lockfileVersion": 3, "packages": {"": root, **found}}).encode()


GOOD = {"version": "1.0.0", "integrity": "sha512-" + "A" * 86 + "=="}


@pytest.mark.parametrize(
    ("lock", "word"),
    [
        (b"no JSON", "not JSON"),
        (b'{"lockfileVersion": 1, "dependencies": {}}', "version 2 or 3"),
        (lock_of(thing={"version": "1.0.0", "resolved": "git+ssh://git@somewhere.example/thing.git#0"}), "no hash"),
        (lock_of(thing={"resolved": "../thing", "link": True}), "folder"),
        (lock_of(thing={**GOOD, "resolved": "file:///etc/thing.tgz"}), "registry"),
        (lock_of(thing={"version": "1.0.0", "resolved": "https://somewhere.example/thing.tgz"}), "no hash"),
        (lock_of(**{"../../thing": GOOD}), "no name"),
    ],
)
async def test_a_lock_that_leads_elsewhere(npm: None, instant: Grid, lock: bytes, word: str) -> None:
    environment = await packages(instant, lock)
    _, result = await instant.run("", runtime="node", path="main.mjs", environment=environment)
    assert (result.status, result.reason.code) == ("failed", "ENVIRONMENT_FAILED"), result
    assert word in result.reason.message
    assert "://" not in result.reason.message


@pytest.mark.parametrize("origin", ["http://127.0.0.1:9/x.tgz", "file:/etc/passwd", "git+file:///etc", "npm:other@1"])
def test_npm_hears_of_nothing_but_what_is_to_be_installed(origin: str) -> None:
    root = {
        **{"overrides": {"thing": origin}, "workspaces": [origin], "bin": origin, "funding": origin, "name": origin},
        **{"scripts": {"install": origin}, "dependencies": {"thing": "^1"}, "optionalDependencies": {"other": "2"}},
    }
    lock = {"lockfileVersion": 3, "overrides": {"x": origin}, "packages": {"": root, "node_modules/thing": GOOD}}
    found = read_lock("node", json.dumps(lock).encode())
    assert isinstance(found, NodeLock)
    assert origin.encode() not in found.package + found.lock
    package = json.loads(found.package)
    assert set(package) == {"name", "version", "private", "dependencies", "optionalDependencies"}


async def test_a_package_that_nobody_has(npm: None, instant: Grid) -> None:
    environment = await packages(instant, lock_of(**{"rgrid-no-such-package-anywhere": GOOD}))
    _, result = await instant.run("", runtime="node", path="main.mjs", environment=environment)
    assert (result.status, result.reason.code) == ("failed", "ENVIRONMENT_FAILED"), result
    assert "rgrid-no-such-package-anywhere" in result.reason.message


async def test_a_registry_that_does_not_answer(npm: None, instant: Grid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    environment = await packages(instant, lock_of(thing=GOOD))
    _, result = await instant.run("", runtime="node", path="main.mjs", environment=environment)
    assert (result.status, result.reason.code) == ("lost", "ENVIRONMENT_UNAVAILABLE"), result
    assert "127.0.0.1" not in result.reason.message


async def test_python_packages_do_not_make_a_node_script_of_it(instant: Grid) -> None:
    """The kind says who reads the lock, and not the runtime of the script."""
    assert (await instant.run("pass", environment=await python(instant, b"")))[1].status == "succeeded"
