"""Where a member's files go: a folder a member, or one folder for all, by a rule that needs to know no other member."""

from __future__ import annotations

import hashlib
import os
from pathlib import PurePosixPath

INDEX = "batch.json"
NAME_BYTES_MAX = 255
JOINT = "__"


def place(member: str, path: str, *, flat: bool) -> str:
    """The place of `path` of `member`, relative to the folder of the batch, with forward slashes.

    Flat: `a/b.csv` and `out/x.txt` become `a__b.csv__out__x.txt`. A name that could stand for two files carries a part of
    the hash of both names, so that the same file always has the same place, whoever comes first.
    """
    whole = f"{member}/{path}"
    if not flat:
        return beside_index(whole)
    name = whole.replace("/", JOINT)
    doubtful = JOINT in whole or any(part.startswith("_") or part.endswith("_") for part in whole.split("/"))
    if doubtful or len(os.fsencode(name)) > NAME_BYTES_MAX:
        mark = hashlib.sha256(whole.encode("utf-8", "surrogateescape")).hexdigest()[:8]
        path_of = PurePosixPath(name)
        stem, end = (path_of.stem, path_of.suffix) if len(path_of.suffix) < 16 else (name, "")
        room = NAME_BYTES_MAX - len(mark) - 1 - len(os.fsencode(end))
        name = f"{os.fsencode(stem)[:room].decode('utf-8', 'ignore')}~{mark}{end}"
    return beside_index(name)


def folder_of(member: str) -> str:
    """The folder of a member, relative to that of the batch."""
    return beside_index(member)


def beside_index(path: str) -> str:
    """`path`, out of the way of the index: an input may be called batch.json, too."""
    first, slash, rest = path.partition("/")
    return f"{first}~{slash}{rest}" if first.rstrip("~") == INDEX else path
