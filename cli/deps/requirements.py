"""A requirements file as a person wrote it: what it asks for, the files it draws in, and what cannot be locked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UsageProblem
from ..terminal.screen import clean
from .pins import HASH, Lock, lock_of, logical_lines, read_pin
from .upward import shown

INCLUDE = re.compile(r"(-r|--requirement|-c|--constraint)(?:\s+|=|(?<=-r)|(?<=-c))\s*(\S.*)")
INDEX = ("-i", "--index-url", "--extra-index-url", "-f", "--find-links", "--no-index", "--trusted-host")
QUIET = ("--pre", "--prefer-binary", "--require-hashes", "--no-binary", "--only-binary", "--use-feature")
OWN = re.compile(r"(?:(?:-e|--editable)(?:\s+|=)\s*)?(\.{1,2}(?:/[\w./-]*)?|[\w-]+/[\w./-]*)(?:\[([\w, -]+)\])?")
PLACE = re.compile(r"://|^(git|hg|svn|bzr)\+|^\.{0,2}/|\.(whl|zip|tar\.gz|tar\.bz2)\s*(;.*)?$", re.IGNORECASE)
DEPTH_MAX = 16


@dataclass(slots=True)
class Requirements:
    """What to lock: requirements and constraints as uv takes them, and what was not taken over."""

    lines: list[str] = field(default_factory=list)
    constraints: list[str] = field(default_factory=list)
    projects: list[tuple[Path, str]] = field(default_factory=list)
    """Folders that are asked for as they are (`-e .`), each with its extras."""
    notes: list[str] = field(default_factory=list)

    def kept(self) -> Lock | None:
        """The file itself, when it is a complete lock already."""
        try:
            lock = lock_of(read_pin(line) for line in self.lines)
        except ValueError:
            return None
        return lock if lock.complete and lock.pins and not self.projects and not self.constraints else None

    def asked(self) -> list[str]:
        """The requirements without their hashes, as the resolver gets them."""
        return [HASH.sub("", line).strip() for line in self.lines]


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
    name, at, place = line.partition("@")
    if PLACE.search(line) or (at and PLACE.search(place.strip())) or line.startswith(("-e", "--editable")):
        raise direct(shown(path), line)
    if line.startswith("-"):
        what = line.split()[0]
        raise problem(path, f"{clean(shown(path))} has an option that rgrid does not know: {clean(what)}", "Remove it.")
    if not re.match(r"[A-Za-z0-9]", name.strip()):
        raise problem(path, f"{clean(shown(path))}: {clean(line)} is no requirement.", "Write: name, or name==1.2")


def direct(where: str, line: str) -> UsageProblem:
    """Why a package that is named by its place cannot be locked, and what to do instead."""
    if "file://" in line:
        frozen = "Did pip freeze write that, in a conda environment? Then: pip list --format=freeze > requirements.txt"
        text = f"{clean(where)} asks for a file of one machine: {clean(hidden(line))}"
        return UsageProblem(text, frozen, code="DIRECT_REFERENCE")
    return UsageProblem(
        f"{clean(where)} asks for a place instead of a package: {clean(hidden(line))}",
        "A lock holds names, versions and hashes of an index and no address. Publish it to your index and name it;\n"
        "a folder of your own needs no package: --input FOLDER takes it along.",
        code="DIRECT_REFERENCE",
    )


def hidden(text: str) -> str:
    """`text` without what stands for a password in addresses."""
    return re.sub(r"://[^/@\s]+@", "://***@", text)


def problem(path: Path, message: str, hint: str) -> UsageProblem:
    return UsageProblem(message, hint, code="REQUIREMENTS_INVALID")


def text_of(path: Path) -> str:
    """The text of a file. Raises UsageProblem when there is none."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        text = f"{clean(shown(path))} is not UTF-8 text (byte {wrong.start})."
        hint = "Write it anew as UTF-8; on Windows, PowerShell's > writes UTF-16: pip freeze | Out-File -Encoding utf8 FILE"
        raise problem(path, text, hint) from None
    except OSError as broken:
        raise UsageProblem(
            f"{clean(shown(path))} cannot be read ({(broken.strerror or 'no file').lower()}).",
            "Name the file with what the script needs: rgrid run --requirements FILE SCRIPT",
            code="FILE_MISSING" if isinstance(broken, FileNotFoundError) else "FILE_UNREADABLE",
        ) from None


def checked(lines: list[str], where: str) -> Iterator[str]:
    """`lines` of a declaration in TOML; raises UsageProblem for a place."""
    for line in lines:
        if PLACE.search(line) or ("@" in line and PLACE.search(line.partition("@")[2].strip())):
            raise direct(where, line)
        yield line
