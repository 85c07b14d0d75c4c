"""What a container is allowed, as the engine wants it written down: a function of the run and of its image, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.runner.sandbox.box import ENVIRONMENT, NODE_MODULES, PIDS_MAX, SECRETS, Spec
from services.runner.sandbox.docker.desk import Desk
from services.runner.sandbox.docker.entry import DESK, entry
from services.runner.sandbox.docker.image import Image
from services.runner.sandbox.rlimits import FILES_MAX

WORK = "/work"
HOSTNAME = "rgrid"
NODE_LABEL, ATTEMPT_LABEL = "rgrid.node", "rgrid.attempt"
NO_NETWORK = "none"
MASKED = (
    *(
        "/proc/acpi",
        "/proc/asound",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
    ),
    *("/proc/timer_list", "/proc/timer_stats", "/proc/kallsyms", "/proc/interrupts"),
    *("/sys/dev", "/sys/firmware", "/sys/fs", "/sys/kernel", "/sys/module", "/sys/power"),
)
"""What tells of the machine, and is nobody's business in a container; those that a kernel lacks do no harm."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all containers of a node have in common: whose they are, the user inside, the engine's runtime (empty: its own),
    the control group above them (empty: the engine's)."""

    node: str
    user: str
    runtime: str = ""
    parent: str = ""


def config(spec: Spec, image: Image, desk: Desk, terms: Terms, network: str) -> dict[str, Any]:
    """For `POST /containers/create`. Raises NoEntry when nothing in the image could begin the script."""
    return {
        "Image": image.id,
        "Entrypoint": entry(image.shell, image.python, spec.env),
        "Cmd": list(spec.argv),
        "WorkingDir": WORK,
        "User": terms.user,
        "Env": [f"{name}={value}" for name, value in variables(spec.base_env, image).items()],
        "Hostname": HOSTNAME,
        "Labels": {NODE_LABEL: terms.node, ATTEMPT_LABEL: spec.name},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": _host(spec, image, desk, terms, network),
    }


def _host(spec: Spec, image: Image, desk: Desk, terms: Terms, network: str) -> dict[str, Any]:
    limits = spec.limits
    found: dict[str, Any] = {
        "Mounts": _mounts(spec, desk),
        "Tmpfs": {path: tmpfs(limits.memory_bytes) for path in ("/tmp", *image.volumes)},
        "ShmSize": limits.memory_bytes,
        "NetworkMode": network,
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "MaskedPaths": list(MASKED),
        "Init": True,
        "IpcMode": "private",
        "Memory": limits.memory_bytes,
        "MemorySwap": limits.memory_bytes,
        "NanoCpus": limits.cpu_millis * 1_000_000,
        "PidsLimit": PIDS_MAX,
        "Ulimits": ulimits({"nofile": FILES_MAX, "fsize": limits.disk_bytes, "core": 0}),
        "LogConfig": {"Type": "none"},
        "AutoRemove": False,
        "RestartPolicy": {"Name": "no"},
    }
    if terms.runtime:
        found["Runtime"] = terms.runtime
    if terms.parent:
        found["CgroupParent"] = f"{terms.parent}/{spec.name}"
    return found


def _mounts(spec: Spec, desk: Desk) -> list[dict[str, Any]]:
    found = [bind(str(spec.folder), WORK, writable=True), bind(str(desk.desk), DESK)]
    if spec.secrets:
        found.append(bind(str(desk.secrets), SECRETS))
    if spec.environment is not None:
        found.append(packages(spec.environment))
    return [*found, *(bind(folder, folder) for folder in spec.shown)]


def packages(environment: Path) -> dict[str, Any]:
    """The packages of a run, where its kind of script finds them."""
    modules = environment / "node_modules"
    return bind(str(modules), NODE_MODULES) if modules.is_dir() else bind(str(environment), ENVIRONMENT)


def bind(source: str, target: str, *, writable: bool = False) -> dict[str, Any]:
    """A folder of this machine that must be there already (the older way of writing it would make it)."""
    options = {"Propagation": "rprivate"}
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": not writable, "BindOptions": options}


def variables(base: Mapping[str, str], image: Image) -> dict[str, str]:
    """What a run begins with, with the image's own PATH behind what leads to the packages of the run."""
    own = (f"{ENVIRONMENT}/", f"{NODE_MODULES}/")
    first = [part for part in base.get("PATH", "").split(":") if part.startswith(own)]
    return {**base, "PATH": ":".join([*first, image.path])} if image.path else dict(base)


def tmpfs(size_bytes: int) -> str:
    """Options of a file system in memory that anybody may write to."""
    return f"rw,exec,nosuid,nodev,mode=1777,size={size_bytes}"


def ulimits(bounds: Mapping[str, int]) -> Sequence[dict[str, Any]]:
    """Bounds of each process, as the engine has them."""
    return [{"Name": name, "Soft": bound, "Hard": bound} for name, bound in bounds.items()]
