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
from services.local.postgres import Cluster, is_whole, launch_postgres, prepare_cluster
from services.local.postgres_stale import clear_stale
from services.local.supervisor import Part

RUNNER_PATIENCE_SECONDS = 20.0
"""A runner that is asked to end first ends its scripts, and those get a grace of their own."""


def nats_part(home: Home, binary: Path, config: Path) -> Part:
    return Part("nats-server", lambda: launch_nats_server(binary, config, home.log("nats-server")))


def postgres_part(home: Home, cluster: Cluster) -> Part:
    """A data folder that was lost or damaged meanwhile is made anew: what it held is rebuilt from the log."""

    def start() -> subprocess.Popen[bytes]:
        now = cluster if is_whole(cluster.place.data) else prepare_cluster(home.root)
        clear_stale(now.place.data)
        return launch_postgres(now, home.log("postgres"))

    return Part("postgres", start, stop_signal=signal.SIGINT)


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
