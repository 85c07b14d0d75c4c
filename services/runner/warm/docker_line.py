"""The line between the runner and a zygote in a container, and what the runner must say before it can begin: who is who in
the namespaces that the zygote has made."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from pathlib import Path

from services.runner.memory_folder import make_ours
from services.runner.sandbox.box import BOX_UID
from services.runner.sandbox.spawn import readable
from services.runner.warm.bwrap_hatchery import ZYGOTE_UID
from services.runner.warm.inside.contained import MAPPED, UNSHARED

START_SECONDS = 30.0
CONTROL = "control"


def listening(folder: Path) -> socket.socket:
    """Where the zygote calls: a socket in a folder of its own, which nobody else can use."""
    make_ours(folder.parent)
    folder.mkdir(mode=0o755)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        listener.bind(f"/proc/self/fd/{place}/{CONTROL}")  # paths of sockets are short
    finally:
        os.close(place)
    path = folder / CONTROL
    path.chmod(0o600)
    os.chown(path, ZYGOTE_UID, ZYGOTE_UID)
    listener.listen(1)
    listener.setblocking(False)
    return listener


def peer(control: socket.socket) -> int:
    """The process that called, as this process counts."""
    pid, *_ = struct.unpack("3i", control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return int(pid)


async def introduced(listener: socket.socket, settings: int) -> socket.socket:
    """The line to the zygote, whose namespaces have users from now on. Raises OSError, TimeoutError."""
    control: socket.socket | None = None
    try:
        async with asyncio.timeout(START_SECONDS):
            control, _ = await asyncio.get_running_loop().sock_accept(listener)
            control.setblocking(False)
            pid = peer(control)
            socket.send_fds(control, [b"settings"], [settings])
            await readable(control.fileno())
        if control.recv(16) != UNSHARED:
            raise OSError("the container may not make namespaces")
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{name}").write_text(f"0 {ZYGOTE_UID} 1\n{BOX_UID} {BOX_UID} 1\n")
        control.send(MAPPED)
    except BaseException:
        if control is not None:
            control.close()
        raise
    finally:
        os.close(settings)
    return control
