"""The loop of a zygote: one fork per order. What an order says, only its fork reads, so that no later one can know of it."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys

from services.runner.warm.inside import birth, calls, names, script, warming

FDS_MAX = 16
ORDER = b"fork"


def serve(control_fd: int, settings_fd: int, before: set[str]) -> None:
    """Returns in each fork, as the process that is to run its script; ends with the runner.

    `before` are the modules that every interpreter has when its start is done.
    """
    places = names.placeholders()
    settings = json.loads(os.pread(settings_fd, os.fstat(settings_fd).st_size, 0))
    os.close(settings_fd)
    calls.drop_bounding_set()
    control = socket.socket(fileno=control_fd)
    own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    script.filtered(settings["own_filter"])
    hello = warming.warm(settings["imports"], before)
    for name in [name for name in sys.modules if name == "services" or name.startswith("services.")]:
        del sys.modules[name]
    hello["fit"] = bool(places)
    control.send(json.dumps(hello).encode())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, fds, _, _ = socket.recv_fds(control, len(ORDER), FDS_MAX)
        if not message:
            os._exit(0)
        calls.unshare(calls.NEWPID)
        try:
            child = os.fork()
        except OSError:
            child = -1
        if child == 0:
            control.close()
            os.close(own_pids)
            birth.born(settings, fds, places)
            return
        calls.setns(own_pids, calls.NEWPID)
        for fd in fds:
            os.close(fd)
