"""The list of members as the grid stores it, and the blobs that it stands on."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import UsageProblem
from ...terminal.formats import count
from ...terminal.screen import clean, tell
from ...wire.blob import Blob, entry
from ..inputs import STAGE, Plan, names_a_file
from .hashing import hashed
from .items import Item, refused
from .names import above, names

INPUTS_MAX = 16
"""Files of one member's own, as the grid takes them."""


@dataclass(slots=True)
class Members:
    """All members: the lines of the list, in order, and what to upload for them."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    blobs: list[Blob] = field(default_factory=list)

    def encoded(self) -> bytes:
        """One JSON object a line."""
        dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
        return "".join(dumps(line) + "\n" for line in self.lines).encode()


@dataclass(slots=True)
class Places:
    """The paths at which a member finds its own files, beside those that all share."""

    shared: Plan
    here: str = field(default_factory=lambda: os.getcwd().rstrip("/") + "/")  # noqa: PTH109
    ways: set[str] = field(default_factory=set)
    staged: int = 0

    def __post_init__(self) -> None:
        self.ways = {folder for name in self.shared.files for folder in above(name)}

    def of(self, word: str) -> tuple[str, str]:
        """The path of a file for the script, and the argument that names it; raises UsageProblem."""
        full = os.path.abspath(word)  # noqa: PTH100
        if full.startswith(self.here):
            name = full[len(self.here) :]
            other = self.shared.files.get(name)
            if other is not None and not other.samefile(word):
                raise UsageProblem(f"{clean(other)} and {clean(word)} would both be {clean(name)} for the script.")
            outside = word.startswith("/") or ".." in word.split("/")
            return name, name if outside else word
        self.staged += 1
        name = self.free(f"{STAGE}/{os.path.basename(full)}")  # noqa: PTH119
        return name, name

    def free(self, wanted: str) -> str:
        """`inputs/name`, or with a number in it where something shared has that name."""
        name, number = wanted, 1
        folder, _, last = wanted.rpartition("/")
        while name in self.shared.files or name in self.ways or any(way in self.shared.files for way in above(name)):
            number += 1
            name = f"{folder}/{number}/{last}"
        return name


def members(items: list[Item], shared: Plan) -> Members:
    """Hash the inputs and list the members. The input is the first argument of each, those of the command follow."""
    places = Places(shared)
    planned = [own(item, places) for item in items]
    blobs, modes = hashed(dict.fromkeys(source for _, files in planned for _, source in files))
    made = Members(blobs=list(blobs.values()))
    for name, (args, files) in zip(names(items), planned, strict=True):
        inputs = [entry(path, blobs[source], modes[source]) for path, source in files]
        made.lines.append({"name": name, "args": [*args, *shared.args], "inputs": inputs})
    if places.staged:
        verb = "is" if places.staged == 1 else "are"
        tell(f"  {count(places.staged, 'input')} {verb} from outside this folder: {STAGE}/<name> for the script")
    check_text(made)
    return made


def own(item: Item, places: Places) -> tuple[list[str], list[tuple[str, str]]]:
    """The arguments of one member and its own files, (path for the script, file here) each."""
    if item.file:
        path, word = places.of(item.file)
        return [word], [(path, item.file)] if lacking(path, places) else []
    args: list[str] = []
    files: dict[str, str] = {}
    for word in item.words:
        if not names_a_file(word) or Path(word).is_dir():
            args.append(word)
            continue
        path, said = places.of(word)
        number = 1
        while path in files and not Path(files[path]).samefile(word):
            number += 1
            path = said = f"{STAGE}/{number}/{Path(word).name}"
        if lacking(path, places):
            files[path] = word
        args.append(said)
    if len(files) > INPUTS_MAX:
        raise refused(
            {item.line[:80]: f"names {len(files)} files; a run of a batch has at most {INPUTS_MAX} of its own"},
            1,
            "What all runs read is named once: --input DIR",
        )
    return args, list(files.items())


def lacking(path: str, places: Places) -> bool:
    """Whether the file is not there for every member already: shared, or the script itself."""
    return path not in places.shared.files and path != places.shared.script


def check_text(made: Members) -> None:
    """Raise UsageProblem for arguments that are no text."""
    bad = {}
    for line in made.lines:
        try:
            "".join([line["name"], *line["args"]]).encode()
        except UnicodeEncodeError:
            bad[line["name"]] = "is not UTF-8 text"
    if bad:
        raise refused(bad, len(made.lines))
