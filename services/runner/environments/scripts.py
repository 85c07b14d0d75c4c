"""Console scripts of packages: they name the place where they were made, and must work in any other."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path

PYTHON = b"#!/usr/bin/env python\n"
LONG = b"#!/bin/sh\n'''exec' "


def move_scripts(folder: Path, programs: Sequence[str]) -> None:
    """Those that were made for one of `programs` take the Python that comes first on PATH."""
    moved: dict[str, bytes] = {}
    scripts = folder / "bin"
    for path in scripts.iterdir() if scripts.is_dir() else ():
        if path.is_symlink() or not path.is_file():
            continue
        first, rest = _first_line(path.read_bytes())
        if any(program.encode() in first for program in programs):
            moved[path.name] = PYTHON + rest
            _write(path, PYTHON + rest, 0o755)
    for record in folder.glob("lib/python3.*/site-packages/*.dist-info/RECORD") if moved else ():
        if record.is_file() and not record.is_symlink():
            _record(record, moved)


def _first_line(script: bytes) -> tuple[bytes, bytes]:
    """What names the interpreter of a script, and the rest; a path that is too long for one line has three."""
    if script.startswith(LONG):
        *lines, rest = script.split(b"\n", 3)
        return b"\n".join(lines), rest
    first, _, rest = script.partition(b"\n")
    return first if first.startswith(b"#!") else b"", rest


def _record(path: Path, moved: dict[str, bytes]) -> None:
    """What a package says of its files stays true; equal environments stay equal."""
    lines = path.read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines):
        name = line.rpartition(b"bin/")[2].split(b",")[0].decode(errors="replace")
        if line.startswith(b"../../../bin/") and name in moved:
            digest = base64.urlsafe_b64encode(hashlib.sha256(moved[name]).digest()).rstrip(b"=")
            lines[number] = b"../../../bin/%s,sha256=%s,%d\n" % (name.encode(), digest, len(moved[name]))
    _write(path, b"".join(lines), 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    """A new file: the old one may be in the cache of the tool too."""
    path.unlink()
    path.write_bytes(data)
    path.chmod(mode)
