"""The start of a zygote in a container, where nobody has any right: its namespaces are made here, and the runner, from outside,
says who is who in them.

Run by path, on its own: `python -I -S contained.py <program>`. What stage.py does in a box of bubblewrap it does here.
"""

from __future__ import annotations

import os
import socket
import sys

FOLDER = "/tmp/zygote"
CONTROL = "/run/rgrid/control"
ROOM_BYTES = 256 * 1024
UNSHARED, MAPPED = b"unshared", b"mapped"


def main(program: str) -> int:
    from services.runner.warm.inside import calls, stage

    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ROOM_BYTES)
    control.connect(CONTROL)
    _, (settings,), _, _ = socket.recv_fds(control, 16, 1)
    calls.unshare(calls.NEWUSER | calls.NEWNS | calls.NEWPID)
    control.send(UNSHARED)
    if control.recv(16) != MAPPED:
        return 1
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    first = os.fork()
    if first == 0:
        calls.mount("proc", "/proc", calls.NOSUID | calls.NODEV | calls.NOEXEC)
        stage._first(control.fileno(), settings, program)
    control.close()
    os.close(settings)
    return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])


if __name__ == "__main__":
    sys.path.insert(0, FOLDER)
    sys.exit(main(sys.argv[1]))
