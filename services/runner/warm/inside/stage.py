"""The trusted part of a zygote's start: gives it an interpreter without rights on the machine that can make boxes.

Run by path, on its own, in a box that bwrap made: `python -I -S stage.py <uid> <box uid> <socket> <settings> <program>`. `uid`
is who the zygote is on the machine; inside its own user namespace it is root, and the user of the scripts is known there too.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER = "/tmp/zygote"
"""Where this program lies; a box made for a script has a /tmp of its own."""
WORK = "/work"


def main(uid: int, box_uid: int, control: int, settings: int, program: str) -> int:
    from services.runner.warm.inside import calls

    plain = calls.NOSUID | calls.NODEV | calls.NOEXEC
    calls.mount("proc", "/proc", plain)  # the kernel lets no one mount another below one that is partly covered
    _own_users(f"0 {uid} 1\n{box_uid} {box_uid} 1\n")
    first = os.fork()
    if first == 0:
        calls.mount("proc", "/proc", plain)
        _first(control, settings, program)
    for fd in (control, settings):
        os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])


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
    env = {**os.environ, "PYTHONPATH": FOLDER, "RGRID_ZYGOTE": f"{control},{settings}"}
    os.execve(program, [program, PLACEHOLDER], env)


if __name__ == "__main__":
    sys.path.insert(0, FOLDER)
    sys.exit(main(*(int(argument) for argument in sys.argv[1:5]), sys.argv[5]))  # type: ignore[call-arg,arg-type]
