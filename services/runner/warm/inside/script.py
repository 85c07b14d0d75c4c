"""The last steps before the interpreter runs the script: without rights, and with nothing that another run had."""

from __future__ import annotations

import base64
import os
import resource
import sys
import time
from typing import Any

from services.runner.sandbox import seccomp_install
from services.runner.warm.inside import calls, names


def become(order: dict[str, Any], settings: dict[str, Any], out: int, err: int, places: list[int]) -> None:
    """In process 2 of the box. Raises nothing: it ends with 127 instead, as a program that cannot be started does."""
    try:
        _streams(out, err)
        if order["contained"]:
            _as_contained(order["uid"])
        for kind, bound in order["rlimits"]:
            resource.setrlimit(kind, (bound, bound))
        os.chdir(settings["work"])
        os.umask(0o022)
        _without_rights(order["uid"], settings["nested"])
        if settings["nested"]:
            filtered(settings["filter"])
        _variables(order["env"])
        _fresh_seeds()
        _fresh_main()
        program, name, *arguments = order["argv"]
        names.put(name, places)
        sys.argv[:] = [name, *arguments]
        sys.orig_argv[:] = [program, name, *arguments]
    except BaseException as error:
        os.write(2, f"{error}\n".encode())
        os._exit(127)


def filtered(calls_filter: str) -> None:
    """From here on without the system calls that no honest script needs; it cannot be undone."""
    if calls_filter:
        seccomp_install.install(base64.b64decode(calls_filter))


def _as_contained(uid: int) -> None:
    """What the engine and its init do: a process group of its own, and the group of its user once more."""
    os.setpgid(0, 0)
    os.setgroups([uid])


def _streams(out: int, err: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for fd, stream in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(fd, stream)
        os.close(fd)


def _without_rights(uid: int, nested: bool) -> None:
    """`nested`: the only user of this namespace is its root; one more namespace lets it be called by another number."""
    if nested:
        _renamed(uid)
    else:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    calls.drop_capabilities()
    calls.prctl(calls.PR_SET_DUMPABLE, 1)  # else its own /proc/self would not be its own
    calls.prctl(calls.PR_SET_NO_NEW_PRIVS, 1)


def _renamed(uid: int) -> None:
    calls.unshare(calls.NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} 0 1"), ("gid_map", f"{uid} 0 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY)
        os.write(fd, text.encode())
        os.close(fd)
    calls.drop_bounding_set()


def _variables(env: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(env)
    time.tzset()


def _fresh_main() -> None:
    """The collector of garbage does not look at what the zygote had; what the script makes must not hang on that."""
    old = sys.modules["__main__"]
    fresh = type(sys)("__main__")
    vars(fresh).clear()
    vars(fresh).update({name: {} if value == {} else value for name, value in vars(old).items()})
    sys.modules["__main__"] = fresh


def _fresh_seeds() -> None:
    """`random` sees to itself at a fork; these do not."""
    threading = sys.modules.get("threading")
    if threading is not None:
        threading.main_thread()._set_native_id()
    numpy = sys.modules.get("numpy.random")
    if numpy is not None:
        numpy.seed()
    multiprocessing = sys.modules.get("multiprocessing.process")
    if multiprocessing is not None:
        multiprocessing.current_process().authkey = os.urandom(32)
