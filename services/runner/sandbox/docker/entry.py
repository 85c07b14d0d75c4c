"""The first program in a container: it takes its pipes and its variables, and becomes the script."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping

DESK = "/run/rgrid"
FILTER = "filter"
"""The filter of system calls that all scripts get; beside it the module that installs it."""
PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SHELLS_OWN = {
    "UID",
    "EUID",
    "GID",
    "EGID",
    "PPID",
    "OPTIND",
    "OPTARG",
    "LINENO",
    "BASHOPTS",
    "SHELLOPTS",
    "BASH_VERSINFO",
}
"""Variables that some shell does not let anybody set."""
SHELL = f'exec >{DESK}/out 2>{DESK}/err; if [ -f {DESK}/env.sh ]; then . {DESK}/env.sh; fi; exec "$@"'
PYTHON = f"""
import os, signal, sys
for name, number in (("out", 1), ("err", 2)):
    fd = os.open("{DESK}/" + name, os.O_WRONLY)
    os.dup2(fd, number)
    os.close(fd)
if os.path.exists("{DESK}/env"):
    with open("{DESK}/env", "rb") as file:
        pairs = file.read().split(b"\\0")
    os.environb.update(pair.split(b"=", 1) for pair in pairs if pair)
if os.path.exists("{DESK}/{FILTER}"):
    sys.path.insert(0, "{DESK}")
    import seccomp_install
    with open("{DESK}/{FILTER}", "rb") as file:
        seccomp_install.install(file.read())
for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
    signal.signal(number, signal.SIG_DFL)
try:
    os.execv(sys.argv[1], sys.argv[1:])
except OSError as error:
    sys.exit(f"{{sys.argv[1]}}: {{error.strerror}}")
"""


class NoEntry(Exception):
    """The image has no program that could begin this script."""


def entry(shell: str, python: str, env: Mapping[str, str]) -> list[str]:
    """The beginning of a command; `shell` and `python` are those of the image (empty: it has none).

    Where there is no Python the engine's own filter of system calls is all there is. Raises NoEntry.
    """
    if python:
        return [python, "-I", "-S", "-c", PYTHON]
    if not shell:
        raise NoEntry("the image has neither a shell (/bin/sh) nor Python, one of which begins every script")
    odd = [name for name in env if not _settable(name)]
    if odd:
        raise NoEntry(f"the image has no Python, and its shell cannot set a variable called {odd[0]}")
    return [shell, "-c", SHELL, "rgrid"]


def as_pairs(env: Mapping[str, str]) -> bytes:
    """As the Python entry reads them."""
    return b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in env.items())


def as_shell(env: Mapping[str, str]) -> bytes:
    """As the shell entry reads them; without the names that it cannot set."""
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in env.items() if _settable(name))
    return b"".join(os.fsencode(line) for line in lines)


def _settable(name: str) -> bool:
    return PLAIN.fullmatch(name) is not None and name not in SHELLS_OWN
