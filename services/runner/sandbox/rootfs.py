"""What a script in a box can see of the machine: programs and libraries, read-only, and an /etc of our own making."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from services.runner.sandbox.box import BOX_UID, ENVIRONMENT, NODE_MODULES

TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
ETC_COPIED = ("ld.so.cache", "localtime", "timezone", "mime.types", "protocols", "services")
ETC_BOUND = ("alternatives", "ssl/certs", "ssl/openssl.cnf")
NETWORK_FILES = ("resolv.conf", "nsswitch.conf", "hosts")
PASSWD = f"root:x:0:0:root:/:/bin/sh\nscript:x:{BOX_UID}:{BOX_UID}:script:/tmp:/bin/sh\n"
GROUP = f"root:x:0:\nscript:x:{BOX_UID}:\n"
HOSTS = "127.0.0.1 localhost rgrid\n::1 localhost\n"
HOSTNAME = "rgrid"


def make_etc(folder: Path) -> Path:
    """The /etc of every box, made once per start of the runner: one mount instead of a dozen."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    texts = {"passwd": PASSWD, "group": GROUP, "hosts": HOSTS, "hostname": HOSTNAME + "\n", "resolv.conf": ""}
    texts["nsswitch.conf"] = "passwd: files\ngroup: files\nhosts: files dns\n"
    for name, text in texts.items():
        (folder / name).write_text(text)
    for name in ETC_COPIED:
        with contextlib.suppress(OSError):
            (folder / name).write_bytes((Path("/etc") / name).read_bytes())
    for name in ETC_BOUND:
        source, point = Path("/etc") / name, folder / name
        point.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            point.mkdir()
        elif source.exists():
            point.touch()
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return folder


def system_arguments(etc: Path) -> list[str]:
    """bwrap's options for the read-only part of the machine."""
    found = ["--ro-bind", "/usr", "/usr"]
    for name in TOP:
        path = Path("/") / name
        if path.is_symlink():
            found += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            found += ["--ro-bind", str(path), str(path)]
    found += ["--ro-bind", str(etc), "/etc"]
    for name in ETC_BOUND:
        path = Path("/etc") / name
        if path.exists():
            found += ["--ro-bind", str(path), str(path)]
    return found


def network_arguments() -> list[str]:
    """How names are resolved, as the machine has it now; only for boxes that may use the network."""
    found: list[str] = []
    for name in NETWORK_FILES:
        path = Path("/etc") / name
        if path.exists():
            found += ["--ro-bind", os.path.realpath(path), str(path)]
    return found


def environment_arguments(environment: Path) -> list[str]:
    """The packages of a script, for one start: what is for Node stands above every folder, what is for Python in its own."""
    modules = environment / "node_modules"
    source, shown = (modules, NODE_MODULES) if modules.is_dir() else (environment, ENVIRONMENT)
    return ["--ro-bind", str(source), shown]


def program_arguments(programs: Iterable[str]) -> list[str]:
    """Binds for interpreters that live outside /usr, each with the prefix that holds its library."""
    prefixes = {os.path.realpath(sys.base_prefix), os.path.realpath(sys.base_exec_prefix)}
    prefixes |= {_prefix_of(program) for program in programs}
    found: list[str] = []
    for prefix in sorted(prefixes):
        if not _below(prefix, "/usr"):
            found += folder_arguments(prefix)
    return found


def folder_arguments(folder: str) -> list[str]:
    """The bind of a folder of the machine to where it is."""
    found: list[str] = []
    for parent in [*Path(folder).parents][-2::-1]:  # else bwrap gives them the (private) mode they have outside
        found += ["--perms", "0755", "--dir", str(parent)]
    return [*found, "--ro-bind", folder, folder]


def _prefix_of(program: str) -> str:
    """The folder to bind for a program: its prefix, or only the file itself where the prefix holds more than software."""
    path = Path(os.path.realpath(program))
    prefix = path.parent.parent
    home = Path(os.path.realpath(Path.home()))
    if path.parent.name != "bin" or prefix == Path("/") or prefix == home or prefix in home.parents:
        return str(path)
    return str(prefix)


def _below(path: str, top: str) -> bool:
    return path == top or path.startswith(top + "/")
