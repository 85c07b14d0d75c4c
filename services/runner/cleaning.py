"""Removes what a script left on the node, however deep or odd it is."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

ENTRIES_INLINE_MAX = 16
FLAT = ("work", "tmp")


def remove_tree(folder: Path) -> None:
    """At once when it is small and flat, else in a thread; nobody waits for it."""
    try:
        if _removed_flat(folder):
            return
    except OSError:
        pass
    asyncio.get_running_loop().run_in_executor(None, remove_now, folder)


def _removed_flat(folder: Path) -> bool:
    """Removed the attempt's folder, if there is little in it, and no folder but `work` and `tmp`; no link is followed."""
    files: list[str] = []
    folders = [str(folder)]
    for below in folders:
        with os.scandir(below) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    files.append(entry.path)
                elif below is folders[0] and entry.name in FLAT:
                    folders.append(entry.path)
                else:
                    return False
                if len(files) > ENTRIES_INLINE_MAX:
                    return False
    for path in files:
        os.unlink(path)  # noqa: PTH108 (a thousand times a second)
    for path in reversed(folders):
        os.rmdir(path)  # noqa: PTH106
    return True


def remove_now(folder: Path) -> None:
    """All of it, links not followed; takes as long as it takes."""
    try:
        shutil.rmtree(folder)
    except (OSError, RecursionError):
        # unreadable folders, or thousands of levels: rm copes with the depth, chmod with the modes
        if os.geteuid() != 0:
            # never as root, who needs it for nothing: it follows a link that took a folder's place since it was looked at
            subprocess.run(["chmod", "-R", "u+rwX", "--", str(folder)], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", "--", str(folder)], stderr=subprocess.DEVNULL, check=False)
