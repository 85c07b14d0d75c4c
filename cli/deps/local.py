"""The modules of one's own that a script imports: found as Python would find them, and followed."""

from __future__ import annotations

import os
import sys
from _imp import extension_suffixes
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from .scan import TOP, Import, imports_of
from .upward import folders_up, root_of

FILES_MAX = 5_000
SOURCE_BYTES_MAX = 4 << 20
PROJECT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg")
EARLY = {"os", "site", "stat", "codecs", "encodings", "io", "abc", "genericpath", "posixpath", "zipimport", "runpy"}
"""Python has these loaded before a script begins: no file beside it takes their place."""
COMPILED = tuple(extension_suffixes())
FIXED = frozenset(sys.builtin_module_names) | EARLY


class Need(NamedTuple):
    """A module from outside: who imports it, in which line, how badly (`scan.TOP` ...), and `names` of it."""

    module: str
    file: Path
    line: int
    need: int
    unless: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class Followed:
    """All that a script imports: files of one's own by the root they were found in, and what comes from elsewhere."""

    files: dict[Path, Path] = field(default_factory=dict)
    needs: list[Need] = field(default_factory=list)
    unread: dict[Path, str] = field(default_factory=dict)
    truncated: bool = False


def roots_of(script: Path) -> list[Path]:
    """Where modules of one's own are looked for: beside the script, then in the project's folder and in its `src`, then
    where the person's PYTHONPATH leads to in this folder or the project."""
    beside = Path(os.path.abspath(script.parent))  # noqa: PTH100
    project = next(
        (each for each in folders_up(beside) if any((each / mark).is_file() for mark in PROJECT_MARKS)), None
    )
    found = [beside]
    real = Path(os.path.realpath(script)).parent  # where Python looks for a script that is a link
    found += [real] if real != Path(os.path.realpath(beside)) else []
    for top in (project, root_of(beside)):
        found += [each for each in (top, top / "src") if each not in found and each.is_dir()] if top else []
    within = [each for each in (project, root_of(beside), Path.cwd()) if each]
    for name in filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)):
        path = Path(os.path.abspath(name))  # noqa: PTH100
        if path not in found and path.is_dir() and any(path.is_relative_to(each) for each in within):
            found.append(path)
    return found


class Follower:
    """Reads a script and every file of one's own that it leads to, once each."""

    def __init__(self, script: Path) -> None:
        self.script = Path(os.path.abspath(script))  # noqa: PTH100
        self.roots = roots_of(script)
        self.found = Followed()
        self.read: dict[Path, list[Import]] = {}
        self.reached: dict[Path, int] = {}
        self.needed: dict[tuple[Path, str, bool], Need] = {}

    def follow(self) -> Followed:
        """Raises SyntaxError, ValueError or RecursionError for the script itself; a module that cannot be read is noted."""
        waiting = [(self.script, self.roots[0], TOP)]
        if self.script.stat().st_size > SOURCE_BYTES_MAX:
            raise ValueError(f"it is larger than {SOURCE_BYTES_MAX >> 20} MiB, so its imports are not known")
        self.read[self.script] = imports_of(self.script.read_bytes())
        while waiting:
            path, root, need = waiting.pop()
            if self.reached.get(path, -1) >= need:
                continue
            self.reached[path] = need
            for each in self.imports(path):
                waiting += self.one(each, path, root, min(need, each.need))
        self.found.needs = sorted(
            self.needed.values(), key=lambda need: (need.file != self.script, need.file, need.line)
        )
        return self.found

    def imports(self, path: Path) -> list[Import]:
        if path not in self.read:
            self.read[path] = []
            try:
                if path.suffix == ".py" and path.stat().st_size <= SOURCE_BYTES_MAX:
                    self.read[path] = imports_of(path.read_bytes())
            except SyntaxError as wrong:
                self.found.unread[path] = f"it is not valid Python (line {wrong.lineno})"
            except (OSError, ValueError, RecursionError) as wrong:
                self.found.unread[path] = str(getattr(wrong, "strerror", "") or wrong)
        return self.read[path]

    def one(self, each: Import, path: Path, root: Path, need: int) -> Iterator[tuple[Path, Path, int]]:
        """The files of one's own that an import leads to; what comes from elsewhere is noted."""
        if each.level:
            folder = path.parents[each.level - 1] if each.level <= len(path.parents) else path.parent
            yield from ((file, root, need) for file in self.kept(below(folder, each.module, each.names), root))
            return
        for at, candidate in enumerate(self.roots):
            if at == 1 and each.module.partition(".")[0] in sys.stdlib_module_names:
                return
            files = inside(candidate, each, regular=each.module.partition(".")[0] not in FIXED)
            if files:
                yield from ((file, candidate, need) for file in self.kept(files, candidate))
                return
        if each.module.partition(".")[0] not in sys.stdlib_module_names:
            self.note(each, path, need)

    def kept(self, files: list[Path], root: Path) -> list[Path]:
        for file in files:
            if len(self.found.files) >= FILES_MAX:
                self.found.truncated = True
            elif file != self.script:
                self.found.files.setdefault(file, root)
        return files

    def note(self, each: Import, path: Path, need: int) -> None:
        key = path, each.module, bool(each.unless)
        known = self.needed.get(key)
        if known is None or known.need < need:
            names = dict.fromkeys([*(known.names if known else ()), *each.names])
            self.needed[key] = Need(each.module, path, each.line, need, each.unless, tuple(names))
        else:
            self.needed[key] = known._replace(names=tuple(dict.fromkeys([*known.names, *each.names])))


def inside(root: Path, each: Import, *, regular: bool) -> list[Path]:
    """The files of `root` that an import loads; none when it is not there, or is a folder without any of its modules."""
    return below(root, each.module, each.names) if regular else []


def below(folder: Path, module: str, names: tuple[str, ...]) -> list[Path]:
    """The files that `from module import names` loads when `module` lies in `folder`."""
    files: list[Path] = []
    for part in module.split(".") if module else []:
        found = module_file(folder, part)
        if found is not None:
            files.append(found)
        folder = folder / part
        if found is not None and found.name != "__init__.py":
            return files
        if not folder.is_dir():
            return files
    if not module and (folder / "__init__.py").is_file():
        files.append(folder / "__init__.py")
    for name in names:
        found = module_file(folder, name) if name != "*" else None
        files += [found] if found else []
    return files


def module_file(folder: Path, name: str) -> Path | None:
    """The file of a module or package; a package goes first, as in Python."""
    for path in (folder / name / "__init__.py", folder / f"{name}.py"):
        if path.is_file():
            return path
    return next((path for end in COMPILED if (path := folder / (name + end)).is_file()), None)
