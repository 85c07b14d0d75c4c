"""The address of a cloud's metadata, in a network of the test's own: closed to scripts, open to all others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from services.runner.sandbox import metadata
from tests.fixtures.needs import requires

pytestmark = [requires("root"), requires("unshare")]

SCRIPT = """
import asyncio, os, socket, subprocess, sys
from pathlib import Path
from services.runner.sandbox.box import BOX_UID
from services.runner.sandbox.metadata import blocked

ADDRESS = "169.254.169.254"
for command in ("link set lo up", f"addr add {ADDRESS}/32 dev lo", "addr add 192.0.2.7/32 dev lo"):
    subprocess.run(["ip", *command.split()], check=True)
LOCK = Path(sys.argv[1])
doors = [socket.create_server((address, port)) for address in (ADDRESS, "192.0.2.7") for port in (80, 53)]

def reached(uid, port=80, address=ADDRESS):
    pid = os.fork()
    if pid == 0:
        try:
            os.setresuid(uid, uid, uid)
            socket.socket().connect((address, port))
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0

def seen():
    return [reached(BOX_UID), reached(BOX_UID - 1), reached(BOX_UID, 53), reached(BOX_UID, 80, "192.0.2.7"), reached(0)]

def rules():
    return subprocess.run(["iptables", "-S", "OUTPUT"], capture_output=True, text=True).stdout.count("169.254")

async def main():
    print(seen())
    async with blocked(LOCK) as why:
        print(why, seen(), rules())
        async with blocked(LOCK) as second:
            print(second, seen(), rules())
        print(seen(), rules())
    print(seen(), rules())

asyncio.run(main())
"""
OPEN, CLOSED = "[True, True, True, True, True]", "[False, False, True, True, True]"


@pytest.mark.skipif(bool(metadata.why_open()), reason=metadata.why_open())
def test_only_scripts_are_kept_from_it_and_only_while_a_runner_is_there(tmp_path: Path) -> None:
    command = ["unshare", "--net", sys.executable, "-c", SCRIPT, str(tmp_path / "lock")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    expected = [OPEN, f" {CLOSED} 2", f" {CLOSED} 2", f"{CLOSED} 2", f"{OPEN} 0"]
    assert done.stdout.splitlines() == expected, done.stderr


def test_what_cannot_be_blocked_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "iptables" in metadata.why_open()
