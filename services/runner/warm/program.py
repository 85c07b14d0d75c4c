"""What runs in the box of a zygote, and what it is told to be."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from pathlib import Path

from services.runner.sandbox.bubblewrap import WORK
from services.runner.sandbox.seccomp import program as filter_program
from services.runner.warm.inside.stage import FOLDER

INSIDE = Path(__file__).with_name("inside")


def program() -> dict[str, Path]:
    """What runs in a zygote's box and in no script's, by where it lies there."""
    files = {f"services/runner/warm/inside/{path.name}": path for path in INSIDE.glob("*.py")}
    files["sitecustomize.py"] = files.pop("services/runner/warm/inside/sitecustomize.py")
    files["services/runner/sandbox/seccomp_install.py"] = INSIDE.parent.parent / "sandbox" / "seccomp_install.py"
    return files


def placed(files: dict[str, int]) -> list[str]:
    """bwrap's options that copy them into a /tmp that scripts do not see: mounts they would see in their list."""
    folders = {str(parent) for name in files for parent in Path(name).parents}
    found: list[str] = []
    for folder in sorted(folders):
        found += ["--perms", "0755", "--dir", f"{FOLDER}/{folder}"]
    for name, fd in files.items():
        found += ["--perms", "0644", "--file", str(fd), f"{FOLDER}/{name}"]
    return found


def settings_of(imports: Sequence[str], *, nested: bool) -> int:
    """A descriptor from which a zygote reads what it is to be."""
    settings = {"imports": list(imports), "work": WORK, "nested": nested}
    settings |= {name: base64.b64encode(each or b"").decode() for name, each in _filters().items()}
    fd = os.memfd_create("zygote")
    os.write(fd, json.dumps(settings).encode())
    return fd


def _filters() -> dict[str, bytes | None]:
    """Of system calls: for scripts, and for the zygote, in which a person's packages run when they are imported."""
    return {"filter": filter_program(), "own_filter": filter_program(makes_boxes=True)}
