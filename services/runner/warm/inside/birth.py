"""From a fork of the zygote to a script in a box: process 1 makes the box and watches, process 2 becomes the script."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import resource
import signal
import socket
import struct
from pathlib import Path
from typing import Any

from services.runner.warm.inside import calls, script

NAMESPACES = calls.NEWNS | calls.NEWIPC | calls.NEWUTS | calls.NEWCGROUP
PRIVATE = calls.NOSUID | calls.NODEV
SECRETS = "/run/secrets"
SIOCSIFFLAGS, IFF_UP = 0x8914, 0x1


def born(settings: dict[str, Any], fds: list[int], places: list[int]) -> None:
    """`fds`: the socket to the runner, the order, both outputs, the working folder's mount, then the doors of control groups.

    Returns as process 2. Process 1 tells the runner of itself, goes on when the runner says so, and tells it in the end of the
    script; then it is gone.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    runner = socket.socket(fileno=fds[0])
    try:
        _, order_fd, out, err, tree, *doors = fds
        for door in doors:
            os.write(door, b"0")
        order = json.loads(os.pread(order_fd, os.fstat(order_fd).st_size, 0).decode("utf-8", "surrogateescape"))
        _box(order, settings, tree)
        os.setsid()
        ourselves = os.pidfd_open(os.getpid())
        socket.send_fds(runner, [b"born"], [ourselves])
        os.close(ourselves)
        if not runner.recv(1):
            os._exit(0)
        if not settings["nested"]:
            script.filtered(settings["filter"])
        child = os.fork()
    except BaseException as error:
        runner.send(json.dumps({"failed": str(error)}).encode())
        os._exit(1)
    if child == 0:
        runner.close()
        for fd in (order_fd, tree, *doors):
            os.close(fd)
        script.become(order, settings, out, err, places)
        return
    for fd in (out, err, order_fd, tree, *doors):
        os.close(fd)
    if settings["nested"]:
        script.filtered(settings["filter"])
    _watch(child, runner)


def _watch(child: int, runner: socket.socket) -> None:
    """Until the script has ended; whoever it left behind ends with us."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            break
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_ms = int((used.ru_utime + used.ru_stime) * 1000)
    runner.send(json.dumps({"status": status, "cpu_ms": cpu_ms, "peak": used.ru_maxrss * 1024}).encode())
    os._exit(0)


def _box(order: dict[str, Any], settings: dict[str, Any], tree: int) -> None:
    """Namespaces of its own, and in them what no two scripts share."""
    calls.unshare(NAMESPACES | (0 if order["network"] else calls.NEWNET))
    calls.mount("proc", "/proc", PRIVATE | calls.NOEXEC)
    calls.mount("devpts", "/dev/pts", calls.NOSUID | calls.NOEXEC, "newinstance,ptmxmode=0666,mode=620")
    for folder in ("/tmp", "/dev/shm"):
        calls.mount("tmpfs", folder, PRIVATE, f"mode=1777,size={order['memory_bytes']}")
    calls.attach(tree, settings["work"])
    if order["secrets"]:
        _secrets(order["secrets"], 0 if settings["nested"] else order["uid"])
    if not order["network"]:
        _loopback()


def _loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        fcntl.ioctl(asking, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def _secrets(secrets: dict[str, str], uid: int) -> None:
    calls.mount("tmpfs", SECRETS, PRIVATE | calls.NOEXEC, f"mode=0500,uid={uid},gid={uid}")
    for name, content in secrets.items():
        path = Path(SECRETS, name)
        path.write_bytes(base64.b64decode(content))
        path.chmod(0o400)
        os.chown(path, uid, uid)
