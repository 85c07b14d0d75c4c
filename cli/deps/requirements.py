"""A requirements file as a person wrote it: what it asks for, the files it draws in, and what cannot be locked."""

from __future__ import annotations

import re
from pathlib import Path

from ..terminal.screen import clean
from .asked import Requirements
from .pins import logical_lines
from .sound import direct, is_place, problem, text_of
from .upward import shown

INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=|(?<=-r)|(?<=-c))\s*(\S.*)")
INDEX = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--trusted-host")
QUIET = ("--pre", "--prefer-binary", "--require-hashes", "--no-binary", "--only-binary", "--use-feature")
OWN = re.compile(r"(?:(?:-e|--editable)(?:\s+|=)\s*)?(\.{1,2}(?:/[\w./-]*)?|[\w-]+/[\w./-]*)(?:\[([\w, -]+)\])?")
DEPTH_MAX = 16


def read_requirements(path: Path) -> Requirements:
    """Raises UsageProblem for a file that cannot be read, and for what names a place instead of a package."""
    found = Requirements()
    take(path, found, constraint=False, way=())
    return found


def take(path: Path, found: Requirements, *, constraint: bool, way: tuple[Path, ...]) -> None:
    """Put what `path` asks for into `found`; `way`: the files that led there."""
    if path in way or len(way) > DEPTH_MAX:
        raise problem(path, f"{clean(shown(path))} draws itself in.", "Remove the -r line that leads back to it.")
    for line in logical_lines(text_of(path)):
        include = INCLUDE.fullmatch(line)
        own = OWN.fullmatch(line) if not constraint else None
        if include:
            draws_constraints = constraint or include[1] in ("-c", "--constraint")
            take(path.parent / include[2].strip("\"'"), found, constraint=draws_constraints, way=(*way, path))
        elif re.split(r"[\s=]", line, maxsplit=1)[0] in (*INDEX, *QUIET):
            option(path, line, found)
        elif own and (path.parent / own[1]).is_dir():
            found.projects.append((path.parent / own[1], own[2] or ""))
        else:
            check(path, line)
            (found.constraints if constraint else found.lines).append(line)


def option(path: Path, line: str, found: Requirements) -> None:
    """An option is left out; one that says where packages come from is told."""
    if line.startswith(INDEX):
        note = f"{clean(shown(path))} names an index; where packages come from is set by the environment (UV_DEFAULT_INDEX)"
        found.notes += [note] if note not in found.notes else []


def check(path: Path, line: str) -> None:
    """Raise UsageProblem for a requirement that is a place, or no requirement."""
    if is_place(line) or line.startswith(("-e", "--editable")):
        raise direct(shown(path), line)
    if line.startswith("-"):
        what = line.split()[0]
        raise problem(path, f"{clean(shown(path))} has an option that rgrid does not know: {clean(what)}", "Remove it.")
    if not re.match(r"[A-Za-z0-9]", line):
        raise problem(path, f"{clean(shown(path))}: {clean(line)} is no requirement.", "Write: name, or name==1.2")
