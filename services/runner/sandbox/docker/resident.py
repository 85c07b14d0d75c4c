"""A container that stays, in which a zygote makes boxes for scripts: without any right on the machine, but allowed to make
namespaces that it owns. What it forks gets the filter of system calls that all scripts get."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from domain.execution.job import Limits
from services.runner.sandbox.box import SECRETS
from services.runner.sandbox.docker.container import (
    ATTEMPT_LABEL,
    MASKED,
    NODE_LABEL,
    WORK,
    Terms,
    bind,
    packages,
    tmpfs,
    ulimits,
)
from services.runner.sandbox.docker.entry import DESK
from services.runner.sandbox.docker.image import Image
from services.runner.sandbox.rlimits import FILES_MAX
from services.runner.sandbox.seccomp_calls import REFUSED

BOXES_NEED = ("mount", "umount2", "open_tree", "move_mount", "mount_setattr", "setns")
LIMITS = Limits(cpu_millis=2000, memory_bytes=2 * 1024**3)
PIDS_MAX = 4096
SMALL_BYTES = 16 * 1024**2


@dataclass(frozen=True, slots=True)
class Resident:
    """`argv` is run by `user` (a numeric one); `parts` are files of the machine by where they are seen, read-only; `desk` is the
    folder that the container shares with the runner."""

    name: str
    argv: Sequence[str]
    user: int
    desk: Path
    variables: Mapping[str, str]
    parts: Mapping[str, Path]
    environment: Path | None
    network: str


def config(who: Resident, image: Image, terms: Terms, security: str) -> dict[str, Any]:
    """For `POST /containers/create`; `security` is what the engine says of its options."""
    return {
        "Image": image.id,
        "Entrypoint": list(who.argv),
        "Cmd": [],
        "WorkingDir": WORK,
        "User": f"{who.user}:{who.user}",
        "Env": [f"{name}={value}" for name, value in who.variables.items()],
        "Hostname": "rgrid",
        "Labels": {NODE_LABEL: terms.node, ATTEMPT_LABEL: who.name},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host(who, image, terms, security),
    }


def _host(who: Resident, image: Image, terms: Terms, security: str) -> dict[str, Any]:
    binds = [bind(str(who.desk), DESK), *(bind(str(source), target) for target, source in who.parts.items())]
    if who.environment is not None:
        binds.append(packages(who.environment))
    places = ("/tmp", WORK, SECRETS, *image.volumes)
    found: dict[str, Any] = {
        "Mounts": binds,
        "Tmpfs": {path: tmpfs(SMALL_BYTES) for path in places},
        "NetworkMode": who.network,
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges", f"seccomp={json.dumps(profile())}", *_unconfined(security)],
        "MaskedPaths": [path for path in MASKED if not path.startswith("/proc/")],
        "ReadonlyPaths": [],
        "IpcMode": "private",
        "Memory": LIMITS.memory_bytes,
        "MemorySwap": LIMITS.memory_bytes,
        "NanoCpus": LIMITS.cpu_millis * 1_000_000,
        "PidsLimit": PIDS_MAX,
        "Ulimits": ulimits({"nofile": FILES_MAX, "core": 0}),
        "LogConfig": {"Type": "none"},
        "RestartPolicy": {"Name": "no"},
    }
    if terms.parent:
        found["CgroupParent"] = f"{terms.parent}/{who.name}"
    return found


def profile() -> dict[str, Any]:
    """The engine's form of our own filter, without what a box is made with."""
    refused = [name for name in REFUSED if name not in BOXES_NEED]
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": refused, "action": "SCMP_ACT_ERRNO"}]}


def _unconfined(security: str) -> list[str]:
    """The engine's profile for AppArmor lets nobody mount anything."""
    return ["apparmor=unconfined"] if "apparmor" in security else []
