"""The network of containers that ask for one: a bridge of our own, where they do not see one another nor the machine's
metadata address."""

from __future__ import annotations

import asyncio
import os
import shutil

from aiodocker import Docker as Client
from aiodocker.exceptions import DockerError

from services.runner.sandbox.docker.engine import CONFLICT, NOT_FOUND

NAME, BRIDGE = "rgrid", "rgrid0"
LINK_LOCAL = "169.254.0.0/16"
"""Where clouds hand out what their machines may do; 169.254.169.254 is the usual one."""
RULE = ("-i", BRIDGE, "-d", LINK_LOCAL, "-j", "REJECT")
CHAIN = "DOCKER-USER"


def why_open() -> str:
    """Why the metadata address cannot be blocked here, empty when it can."""
    if os.geteuid() != 0:
        return "the metadata address 169.254.169.254 is open to scripts with --network: only root can block it"
    if shutil.which("iptables") is None:
        return "the metadata address 169.254.169.254 is open to scripts with --network: apt-get install iptables"
    return ""


async def network(client: Client) -> str:
    """Its name, once it is there and what must be blocked is blocked. Raises DockerError, OSError."""
    try:
        await client.networks.get(NAME)
    except DockerError as error:
        if error.status != NOT_FOUND:
            raise
        await _create(client)
    if not why_open():
        await _block()
    return NAME


async def _create(client: Client) -> None:
    options = {"com.docker.network.bridge.name": BRIDGE, "com.docker.network.bridge.enable_icc": "false"}
    try:
        await client.networks.create({"Name": NAME, "Driver": "bridge", "CheckDuplicate": True, "Options": options})
    except DockerError as error:
        if error.status != CONFLICT:  # another runner was quicker
            raise


async def _block() -> None:
    """Looked at before each use: whoever tidies the machine's rules takes ours away, too."""
    if await _iptables("-C") != 0 and await _iptables("-I") != 0:
        raise OSError("the metadata address cannot be blocked: iptables refuses the rule")


async def _iptables(action: str) -> int:
    command = ("iptables", "-w", "5", action, CHAIN, *RULE)
    quiet = asyncio.subprocess.DEVNULL
    done = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
    return await done.wait()
