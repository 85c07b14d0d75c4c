"""Loads what scripts will import, and finds out what of it could make a script notice."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

from services.runner.warm.inside import ending

OFTEN = (
    *(
        "argparse",
        "base64",
        "collections",
        "concurrent.futures",
        "contextlib",
        "copy",
        "csv",
        "dataclasses",
        "datetime",
    ),
    *(
        "enum",
        "functools",
        "glob",
        "hashlib",
        "io",
        "itertools",
        "json",
        "logging",
        "math",
        "operator",
        "pathlib",
        "random",
    ),
    *("re", "shutil", "statistics", "string", "subprocess", "tempfile", "textwrap", "threading", "traceback", "typing"),
    *("urllib.parse", "uuid"),
)
"""Of the standard library: what scripts often import. Each fork pays for what its zygote has loaded."""


class Missed:
    """Asked last for every module: remembers the names that nothing could be found for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if path is None:
            self.names.add(name)


def warm(imports: list[str], before: set[str]) -> dict[str, Any]:
    """What there is to say: modules `loaded`, names `missed`, variables `read` ("*": all), `refused` imports by name and why."""
    ending.prepare()
    missed = Missed()
    sys.meta_path.append(missed)
    read, give_back = _watched()
    refused = {}
    try:
        for name in (*OFTEN, *imports):
            try:
                importlib.import_module(name)
            except BaseException as error:
                refused[name] = f"{type(error).__name__}: {error}"[:300]
    finally:
        give_back()
        sys.meta_path.remove(missed)
    ending.keep()
    gc.collect()
    gc.freeze()
    loaded = {name.partition(".")[0] for name in sys.modules if name not in before}
    own = {name.partition(".")[0] for name in before} | {"services"}
    return {
        "loaded": sorted(loaded - own),
        "missed": sorted({name.partition(".")[0] for name in missed.names} - loaded),
        "read": sorted(read),
        "refused": refused,
        "threads": _threads(),
    }


def _threads() -> int:
    """How many there are when it forks: those that end themselves for a fork and come back after it do no harm."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208


def _watched() -> tuple[set[str], Any]:
    """The names of variables that are read from now on, and what ends the watch."""
    read: set[str] = set()
    kind = type(os.environ)
    get, names = kind.__getitem__, kind.__iter__

    def watched_get(self: Any, name: Any) -> Any:
        read.add(os.fsdecode(name) if isinstance(name, (str, bytes)) else "*")
        return get(self, name)

    def watched_names(self: Any) -> Any:
        read.add("*")
        return names(self)

    def give_back() -> None:
        kind.__getitem__, kind.__iter__ = get, names  # type: ignore[method-assign]

    kind.__getitem__, kind.__iter__ = watched_get, watched_names  # type: ignore[method-assign]
    return read, give_back
