"""Spares a script the end of what it did not begin: taking down the modules of its zygote costs more than most scripts do.

Python ends by emptying every module. What the script made and imported itself is ended like that here, too; what came from the
zygote stays as it is until the kernel takes the memory back.
"""

from __future__ import annotations

import atexit
import ctypes
import gc
import io
import sys

KEPT = ("sys", "builtins", "__main__")
FILES = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)

_kept: list[object] = []


def prepare() -> None:
    """To be called before anything is loaded: what is registered first at the end is asked last."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(_kept))
    atexit.register(_spare)


def keep() -> None:
    """All that is loaded by now came from the zygote."""
    _kept.append({name: module for name, module in sys.modules.items() if name not in KEPT})


def _spare() -> None:
    for kept in gc.get_objects():  # those of the zygote are not among them
        if type(kept) in FILES:
            _flush(kept)
    for name, module in _kept[0].items():  # type: ignore[attr-defined]
        if sys.modules.get(name) is module:
            sys.modules[name] = None  # type: ignore[assignment]


def _flush(file: io.IOBase) -> None:
    """A file that only a module of the zygote knows would never be."""
    try:
        file.flush()
    except Exception:
        pass
