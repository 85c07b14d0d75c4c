"""The trusted part of a zygote's start: gives it an interpreter without rights on the machine that can make boxes.

Run by path, on its own, in a box that bwrap made: `python -I -S stage.py <uid> <box uid> <socket> <settings> <mounts> <program>`.
Started by root, `uid` is who the zygote is on the machine; in its own user namespace it is root, and the user of the scripts is
known there, too. Started by anybody else it is in bwrap's user namespace already; then `mounts` is a socket through which the
runner asks for mounts of working folders, which this program can make and the zygote cannot: it does not see them.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

FOLDER = "/tmp/zygote"
"""Where this program lies; a box made for a script has a /tmp of its own."""
FOLDERS = "/tmp/attempts"
"""Where it sees the folders of attempts, if it is to make mounts of them."""
WORK = "/work"
PATH_BYTES_MAX = 4096
NONE = -1


def main(uid: int, box_uid: int, control: int, settings: int, mounts: int, program: str) -> int:
    from services.runner.warm.inside import calls

    _close_all_but(control, settings, mounts)
    plain = calls.NOSUID | calls.NODEV | calls.NOEXEC
    if mounts == NONE:
        calls.mount("proc", "/proc", plain)  # the kernel lets no one mount another below one that is partly covered
        _own_users(f"0 {uid} 1\n{box_uid} {box_uid} 1\n")
    else:
        calls.unshare(calls.NEWPID)
    first = os.fork()
    if first == 0:
        if mounts != NONE:
            os.close(mounts)
            calls.unshare(calls.NEWNS)
            calls.unmount(FOLDERS)
        calls.mount("proc", "/proc", plain)
        _first(control, settings, program)
    for fd in (control, settings):
        os.close(fd)
    if mounts != NONE:
        signal.signal(signal.SIGCHLD, lambda *_: sys.exit(1))
        _mount_for_others(mounts)
    return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])


def _close_all_but(*kept: int) -> None:
    """What the runner had open when it started us must not come to scripts."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 (names, not paths)
        if int(name) > 2 and int(name) not in kept:
            try:
                os.close(int(name))
            except OSError:
                pass


def _own_users(users: str) -> None:
    """Into namespaces that we own. Only who stays outside may say who is who in there."""
    from services.runner.warm.inside import calls

    reading, writing = os.pipe()
    ourselves = os.getpid()
    outside = os.fork()
    if outside == 0:
        os.close(writing)
        os.read(reading, 1)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{ourselves}/{name}").write_text(users)
        os._exit(0)
    calls.unshare(calls.NEWUSER | calls.NEWNS | calls.NEWPID)
    os.close(reading)
    os.close(writing)
    if os.waitpid(outside, 0)[1]:
        raise SystemExit("the users of the zygote cannot be set")
    os.setgroups([])
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)


def _mount_for_others(asked: int) -> None:
    """Answer every path below FOLDERS with a mount of it, until the runner is gone."""
    from services.runner.warm.inside import calls

    with socket.socket(fileno=asked) as line:
        while path := line.recv(PATH_BYTES_MAX):
            try:
                fd = calls.detached(f"{FOLDERS}/{os.fsdecode(path)}")
            except OSError as error:
                line.send(str(error).encode())
                continue
            socket.send_fds(line, [b"mount"], [fd])
            os.close(fd)


def _first(control: int, settings: int, program: str) -> None:
    """Process 1 of the zygote's namespace. The zygote is neither 1 nor 2, which is what its forks are in theirs: libraries
    know by their number that they were forked."""
    for number in range(2):
        child = os.fork()
        if child == 0:
            if number == 0:
                os._exit(0)
            _become(control, settings, program)
        if number == 0:
            os.waitpid(child, 0)
    for fd in (control, settings):
        os.close(fd)
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _become(control: int, settings: int, program: str) -> None:
    from services.runner.warm.inside.names import PLACEHOLDER

    os.chdir(WORK)
    for fd in (control, settings):
        os.set_inheritable(fd, True)
    path = ":".join(filter(None, (FOLDER, os.environ.get("PYTHONPATH"))))
    env = {**os.environ, "PYTHONPATH": path, "RGRID_ZYGOTE": f"{control},{settings}"}
    os.execve(program, [program, PLACEHOLDER], env)


if __name__ == "__main__":
    sys.path.insert(0, FOLDER)
    sys.exit(main(*(int(argument) for argument in sys.argv[1:6]), sys.argv[6]))  # type: ignore[call-arg,arg-type]
