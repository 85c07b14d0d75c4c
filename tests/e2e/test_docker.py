"""A grid whose scripts run in containers: the same promises, and what only containers have."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_kinds import FORKS, left_of, wait_until_up
from tests.fixtures.docker import PYTHON_IMAGE, docker
from tests.fixtures.grid import GridUnderTest
from tests.fixtures.needs import requires

pytestmark = requires("docker")

OWN_IMAGE = f"rgrid-tests-e2e-{os.getpid()}"
EATS = "held = bytearray(400 << 20)\nfor i in range(0, len(held), 4096):\n    held[i] = 1\n"
FORKS_ONCE = "import os\nif os.environ['RGRID_ATTEMPT'] == '2':\n    raise SystemExit\n" + FORKS


@pytest.fixture
def grid(new_grid: Callable[..., GridUnderTest]) -> GridUnderTest:
    return new_grid(RGRID_SANDBOX="docker", RGRID_DOCKER_PULL="never", RGRID_LEASE_SECONDS="10").up()


@pytest.fixture
def own_image() -> Iterator[str]:
    text = f"FROM {PYTHON_IMAGE}\nENV FLAVOUR=own\n"
    command = ["docker", "build", "-q", "-t", OWN_IMAGE, "-"]
    subprocess.run(
        command, input=text.encode(), check=True, capture_output=True, env={**os.environ, "DOCKER_BUILDKIT": "0"}
    )
    yield OWN_IMAGE
    docker("image", "rm", "-f", OWN_IMAGE)


class Runs:
    """`run` a script of this text in the grid; the process and the document of its execution."""

    def __init__(self, grid: GridUnderTest, desk: Path) -> None:
        self.grid, self.desk = grid, desk

    def __call__(self, text: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
        (self.desk / "script.py").write_text(text)
        done = self.grid.rgrid("run", "script.py", *arguments, cwd=self.desk)
        return done, dict(json.loads(self.grid.rgrid("status", "@last", "--json").stdout))


def test_scripts_run_in_containers(grid: GridUnderTest, tmp_path: Path, own_image: str) -> None:
    run, marker = Runs(grid, tmp_path), f"marker-{tmp_path.parent.name}-{tmp_path.name}"
    done, doc = run(
        "import os\nprint('hello', os.environ['GIVEN'])\nopen('out.txt', 'w').write('x')\n", "--env", "GIVEN=yes"
    )
    assert (done.returncode, done.stdout, doc["outputs"]["count"]) == (0, "hello yes\n", 1), done.stderr
    assert doc["attempts"][0]["sandbox"].startswith("docker")
    assert doc["usage"]["cpu_ms"] > 0 and doc["usage"]["memory_peak_bytes"] > 1 << 20
    assert run("import sys\nsys.exit(7)\n")[0].returncode == 7

    done, doc = run(EATS, "--memory", "100m")
    assert doc["reason"]["code"] == "OUT_OF_MEMORY", doc
    done, doc = run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n")
    assert (done.returncode, doc["reason"]["code"]) == (137, "SIGNAL")

    done, doc = run(FORKS, "--timeout", "15s", "--", marker)
    assert (done.returncode, done.stdout, doc["status"]) == (124, "up\n", "timed_out"), done.stderr
    assert left_of(marker) == ""

    done, _ = run(FORKS, "--detach", "--", marker)
    wait_until_up(grid.rgrid)
    assert grid.rgrid("cancel", done.stdout.strip()).returncode == 0
    assert grid.rgrid("wait", done.stdout.strip()).returncode == 130
    assert left_of(marker) == ""

    done, doc = run("import os\nprint(os.environ['FLAVOUR'], os.getuid() != 0)\n", "--image", own_image)
    assert (done.returncode, done.stdout) == (0, "own True\n"), done.stderr
    done, doc = run("print(1)\n", "--image", "rgrid-tests-nowhere:1")
    assert (done.returncode != 0, doc["reason"]["code"]) == (True, "IMAGE_NOT_FOUND")
    assert "docker pull rgrid-tests-nowhere:1" in doc["reason"]["hint"]

    rows = {each["name"]: each for each in json.loads(grid.rgrid("doctor", "--json").stdout)["checks"]}
    assert rows["docker"]["state"] == "ok" and "docker" in rows["nodes"]["message"]


def test_what_a_killed_runner_leaves_is_swept(grid: GridUnderTest, tmp_path: Path) -> None:
    run, marker = Runs(grid, tmp_path), f"marker-{tmp_path.parent.name}-{tmp_path.name}"
    done, _ = run(FORKS_ONCE, "--detach", "--", marker)
    wait_until_up(grid.rgrid)
    before = containers_of(marker)
    assert len(before) == 1
    grid.kill("runner", signal.SIGKILL)
    assert grid.rgrid("wait", done.stdout.strip()).returncode == 0
    assert left_of(marker) == ""
    until = time.monotonic() + 60
    while left := containers_of(marker):
        assert time.monotonic() < until, left
        time.sleep(0.1)


def containers_of(marker: str) -> list[str]:
    """Containers that run a script with this argument, ended ones included."""
    names = docker("ps", "-a", "--no-trunc", "--format", "{{.Names}} {{.Command}}").stdout.splitlines()
    return [line.split()[0] for line in names if marker in line]
