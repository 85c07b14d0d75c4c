"""Removes what a script left on the node, however deep or odd it is."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

ENTRIES_INLINE_MAX = 16


def remove_tree(folder: Path) -> None:
    """At once when it is small, else in a thread; nobody waits for it."""
    try:
        small = sum(1 for _ in folder.rglob("*")) <= ENTRIES_INLINE_MAX if _flat(folder) else False
        if small:
            shutil.rmtree(folder)
            return
    except OSError:
        pass
    asyncio.get_running_loop().run_in_executor(None, _remove, folder)


def _flat(folder: Path) -> bool:
    """Few enough entries near the top that looking at all of them is cheap."""
    work = folder / "work"
    names = list(work.iterdir()) if work.is_dir() else []
    return len(names) <= ENTRIES_INLINE_MAX and not any(name.is_dir() for name in names)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):
        # unreadable folders, or thousands of levels: rm copes with the depth, chmod with the modes
        subprocess.run(["chmod", "-R", "u+rwX", "--", str(folder)], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", "--", str(folder)], stderr=subprocess.DEVNULL, check=False)
