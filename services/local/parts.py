"""The processes of an embedded grid, as values: what starts each, and how each is asked to end."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from services.local.child import spawn
from services.local.home import Home
from services.local.nats_server import launch_nats_server
from services.local.postgres import Cluster, is_whole, launch_postgres, prepare_cluster, set_aside
from services.local.postgres_stale import clear_stale
from services.local.speak import Say
from services.local.supervisor import Part

RUNNER_PATIENCE_SECONDS = 20.0
"""A runner that is asked to end first ends its scripts, and those get a grace of their own."""

REFUSALS_MAX = 3
"""So many starts in a row that Postgres gave up by itself count as a damaged folder."""


def nats_part(home: Home, binary: Path, config: Path) -> Part:
    return Part("nats-server", lambda: launch_nats_server(binary, config, home.log("nats-server")))


def postgres_part(home: Home, cluster: Cluster, say: Say) -> Part:
    """Starts the server; a folder that vanished or that it does not start from is made anew: the log rebuilds what it held."""
    last: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        clear_stale(cluster.place.data)
        note = "The Postgres folder is gone: a new one is rebuilt from the log."
        if failures(last) >= REFUSALS_MAX and cluster.place.data.exists():
            note = set_aside(cluster.place.data, "Postgres does not start from its folder")
            last.clear()
        if not is_whole(cluster.place.data):
            notes = prepare_cluster(home.root).notes
            say("mended", notes[0] if notes else note)
        last.append(launch_postgres(cluster, home.log("postgres")))
        return last[-1]

    return Part("postgres", start, stop_signal=signal.SIGINT)


def failures(last: list[subprocess.Popen[bytes]]) -> int:
    """How many of the latest starts the server itself gave up; a kill from outside says nothing about its folder."""
    given_up = 0
    for process in reversed(last):
        if (process.poll() or 0) <= 0:
            break
        given_up += 1
    return given_up


def services_part(home: Home, environment: Mapping[str, str]) -> Part:
    return _python(home, "services", "services", environment)


def gateway_part(home: Home, environment: Mapping[str, str]) -> Part:
    return _python(home, "gateway", "gateway", environment)


def runner_part(home: Home, environment: Mapping[str, str]) -> Part:
    return _python(home, "runner", "services.runner", environment, RUNNER_PATIENCE_SECONDS)


def run_module(home: Home, name: str, module: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start `module` with this interpreter, from the home: a folder named like one of ours must not shadow it."""
    return spawn([sys.executable, "-P", "-m", module], log=home.log(name), env=environment, cwd=home.root)


def _python(home: Home, name: str, module: str, environment: Mapping[str, str], patience: float = 10.0) -> Part:
    return Part(name, lambda: run_module(home, name, module, environment), patience_seconds=patience)
