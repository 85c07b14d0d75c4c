"""Which files go along: those that the arguments and --input name, each with the relative path it has for the script."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..errors import UsageProblem
from ..terminal.screen import clean, tell
from .packages import Packages
from .script import check_readable

FILES_MAX = 100_000
STAGE = "inputs"
"""Where files from outside the working directory go."""


@dataclass(slots=True)
class Plan:
    """Files by the path the script sees, and the arguments as the script gets them."""

    files: dict[str, Path] = field(default_factory=dict)
    args: list[str] = field(default_factory=list)
    script: str = ""
    packages: Packages = field(default_factory=Packages)

    def add(self, name: str, source: Path) -> None:
        """Take `source` along as `name`; raises UsageProblem when two sources want one name or a name is not text."""
        try:
            name.encode()
        except UnicodeEncodeError:
            raise UsageProblem(f"The name of {clean(source)} is not UTF-8; rename it.", code="FILE_NAME") from None
        other = self.files.setdefault(name, source)
        if other != source and not other.samefile(source):
            raise UsageProblem(f"{clean(other)} and {clean(source)} would both be {clean(name)} for the script.")
        if len(self.files) > FILES_MAX:
            raise UsageProblem(
                f"More than {FILES_MAX:,} input files; pack them into an archive.", code="TOO_MANY_FILES"
            )


def plan(script: Path, args: Iterable[str], untouched: Iterable[str], inputs: Iterable[str]) -> Plan:
    """What to upload for `script`. `untouched` are the arguments behind `--`: never rewritten."""
    made = Plan()
    inside = inside_name(script)
    made.script = inside or free_name(made, script.name)
    for name in inputs:
        if not os.path.lexists(name):
            raise UsageProblem(f"The input {clean(name)} does not exist.", code="FILE_MISSING")
        take(made, name)
    made.args += [take(made, word) if names_a_file(word) else word for word in args]
    for word in untouched:
        if names_a_file(word):
            if inside_name(Path(word)) is None:
                tell(
                    f"  {clean(word)} is not in this folder: the script gets the words, not the file (--input brings it)"
                )
            elif not outside_syntax(word):
                take(made, word)
        made.args.append(word)
    made.files.pop(made.script, None)
    return made


def names_a_file(word: str) -> bool:
    """Whether an argument names something that exists."""
    try:
        return bool(word) and Path(word).exists()
    except (OSError, ValueError):
        return False


def outside_syntax(word: str) -> bool:
    """Whether `word` is written so that it cannot be the same relative path for the script."""
    return word.startswith("/") or ".." in Path(word).parts


def inside_name(path: Path) -> str | None:
    """The path relative to the working directory, POSIX style; None when it lies outside. Links are not looked through."""
    here = Path.cwd()
    full = Path(os.path.normpath(path if path.is_absolute() else here / path))
    return full.relative_to(here).as_posix() if full.is_relative_to(here) else None


def take(made: Plan, word: str) -> str:
    """Put the file or folder `word` into the plan; the argument as the script must get it."""
    path = Path(word)
    inside = inside_name(path)
    name = inside or free_name(made, f"{STAGE}/{Path(os.path.realpath(path)).name or 'root'}", path)
    if path.is_dir():
        for below, source in files_within(path):
            made.add(str(PurePosixPath(name) / below), source)
    else:
        check_readable(path, "The input")
        made.add(name, path)
    if inside is not None and not outside_syntax(word):
        return word
    tell(f"  {clean(word)} is {clean(name)} for the script")
    return name


def free_name(made: Plan, wanted: str, source: Path | None = None) -> str:
    """`wanted`, or with a number in it when another file has that name."""
    folder, _, last = wanted.rpartition("/")
    name, number = wanted, 1
    while any(name == taken or taken.startswith(name + "/") for taken in made.files):
        if source is not None and name in made.files and made.files[name].samefile(source):
            break
        number += 1
        name = f"{folder}/{number}/{last}" if folder else f"{number}/{last}"
    return name


def files_within(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every regular file below `folder`, sorted; raises UsageProblem naming what is none."""
    root = folder.resolve()

    def refuse(broken: OSError) -> None:
        raise UsageProblem(f"{clean(broken.filename)} cannot be read ({broken.strerror}).", code="FILE_UNREADABLE")

    for at, folders, names in os.walk(folder, onerror=refuse):
        folders.sort()
        links = [each for each in folders if Path(at, each).is_symlink()]
        for each in sorted(names + links):
            path = Path(at, each)
            check_within(path, root)
            yield path.relative_to(folder).as_posix(), path


def check_within(path: Path, root: Path) -> None:
    """A link must lead to a regular file in the same tree; anything else must be a regular, readable file."""
    if path.is_symlink():
        target = Path(os.path.realpath(path))  # resolve() raises for a link that leads in a circle
        if not target.is_relative_to(root) or not target.is_file():
            where = "a folder" if target.is_dir() else "a place outside it" if target.exists() else "nothing"
            raise UsageProblem(
                f"{clean(path)} is a link to {where}; in an input folder only links to files within it are followed.",
                "Remove the link, or name what it points to with --input.",
                code="FILE_LINK",
            )
    check_readable(path, "The input")


def mode_of(path: Path) -> int:
    """Permission bits as the grid keeps them: 755 when executable by its owner, else 644."""
    return 0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644
