"""The parent of a script, or of a tool of the runner, without a box: inherits whatever it leaves behind, and ends all of it.

Run by path, on its own: `python -I -S shim.py <fd of the order> <fd of the gate> <fd of the answer>`. It starts the
script when a byte comes through the gate, and dies with the runner, taking its whole tree along. A script can kill it
(they are one user); what is left then comes to the runner (see orphans.py).
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Ended(BaseException):
    """The runner wants it over, or is gone."""


def main(order_fd: int, gate: int, answer: int) -> None:
    signal.signal(signal.SIGTERM, _end)
    order = json.loads(os.pread(order_fd, os.fstat(order_fd).st_size, 0))
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    for fd in (order_fd, gate, answer):
        os.set_inheritable(fd, False)
    if os.getppid() != order["parent"] or not os.read(gate, 1):
        return
    script, status = 0, signal.SIGKILL.value
    try:
        script = os.fork() or _become(order, answer)
        os.close(1)
        os.close(2)
        status = _wait(script)
    except Ended:
        pass
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _kill_all()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_ms = int((used.ru_utime + used.ru_stime) * 1000)
    os.write(answer, json.dumps({"status": status, "cpu_ms": cpu_ms, "peak": used.ru_maxrss * 1024}).encode())


def _end(number: int, frame: object) -> None:
    raise Ended


def _become(order: dict[str, Any], answer: int) -> int:
    """In the child: limits, own session, then the script. Never returns."""
    try:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        for kind, limit in order["rlimits"]:
            resource.setrlimit(kind, (limit, limit))
        os.chdir(order["folder"])
        os.execve(order["argv"][0], order["argv"], order["env"])
    except BaseException as error:
        os.write(answer, json.dumps({"failed": str(error)}).encode() + b"\n")
        os._exit(127)


def _wait(script: int) -> int:
    """The wait status of the script; orphans that end meanwhile are reaped."""
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == script:
            return status


def _kill_all() -> None:
    """Stop everything below us first, so that nothing can fork away, then kill it; again until nothing is left."""
    while True:
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in _below(os.getpid()):
                try:
                    os.kill(pid, number)
                except OSError:
                    pass
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.001)


def _below(top: int) -> list[int]:
    """However long the chain is: a script may fork deeper than a function may call itself."""
    found: list[int] = []
    waiting = [top]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def _children(pid: int) -> list[int]:
    found = []
    try:
        # not pathlib, here and below: importing it costs milliseconds of every start
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208
            with open(f"/proc/{pid}/task/{task}/children") as file:  # noqa: PTH123
                found += [int(each) for each in file.read().split()]
    except OSError:
        pass
    return found


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]))
