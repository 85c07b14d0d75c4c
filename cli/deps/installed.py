"""What is installed in the person's environment, read from its `*.dist-info` on the disk: which package a module is of."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

DASHES = re.compile(r"[-_.]+")
INFO = re.compile(r"(?P<name>.+?)-(?P<version>[^-]+)(-py\d.*)?\.(dist-info|egg-info)")
REQUIRES = re.compile(r"^Requires-Dist:\s*([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)


def normal(name: str) -> str:
    """A distribution's name as the index compares it: `Flask_Login` is `flask-login`."""
    return DASHES.sub("-", name).lower()


@dataclass(frozen=True)
class Distribution:
    """A package that is installed, by its `*.dist-info`."""

    name: str
    version: str
    info: Path

    @property
    def pin(self) -> str:
        """`pandas==2.2.1`; a label of a build of one's own (`+cu121`) is no version of the index."""
        return f"{self.name}=={self.version.partition('+')[0]}"

    @cached_property
    def origin(self) -> str:
        """The folder, archive or repository that it was installed from; empty when it came from an index."""
        try:
            said = json.loads((self.info / "direct_url.json").read_text("utf-8"))
            parts = urlsplit(str(said["url"]))
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return unquote(parts.path) if parts.scheme == "file" else f"{parts.scheme} address"

    def text(self, name: str) -> bytes:
        try:
            with open(f"{self.info}/{name}", "rb") as file:  # noqa: PTH123 - two hundred of them, in milliseconds
                return file.read()
        except OSError:
            return b""

    def has(self, path: str) -> bool:
        """Whether it brought `path`: a module, or a folder with modules."""
        name = path.encode()
        listed = self.text("RECORD") or self.text("installed-files.txt").replace(b"\n../", b"\n")
        if listed and name not in listed:
            return False
        if listed:
            ends = (name + b"/", name + b".py,", name + b".")
            return listed.startswith(ends) or any(start + end in listed for start in (b"\n", b'\n"') for end in ends)
        return path.partition("/")[0].encode() in self.text("top_level.txt").split()

    def requires(self) -> set[str]:
        """The names that it says it needs, whatever the conditions."""
        said = (self.text("METADATA") or self.text("PKG-INFO")).partition(b"\n\n")[0].decode("utf-8", "replace")
        return {normal(name) for name in REQUIRES.findall(said)}


@dataclass
class Installed:
    """The packages in some folders; the first folder that has one counts."""

    folders: tuple[Path, ...]
    name: str = ""
    by_name: dict[str, Distribution] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in self.folders:
            for each in infos(folder):
                self.by_name.setdefault(normal(each.name), each)

    def owner(self, module: str, likely: Iterable[str] = ()) -> Distribution | None:
        """Whose module it is; the packages called `likely` are asked first, then one of its own name, then all."""
        path = self.place(module)
        if path is None:
            return None
        first = [normal(name) for name in (*likely, module, module.partition(".")[0])]
        asked = [self.by_name[name] for name in first if name in self.by_name]
        for each in (*asked, *self.by_name.values()):
            if each.has(path):
                return each
        return None

    def place(self, module: str) -> str | None:
        """`google/cloud/storage`: how far down only folders without an `__init__` lead; None when it is not there."""
        parts = module.split(".")
        for folder in self.folders:
            for depth in range(1, len(parts) + 1):
                path = folder.joinpath(*parts[:depth])
                if (path / "__init__.py").is_file() or path.with_name(path.name + ".py").is_file() or compiled(path):
                    return "/".join(parts[:depth])
                if not path.is_dir():
                    break
        return None

    def from_folder(self, module: str) -> Distribution | None:
        """A package that is linked to a folder of one's own and may bring this module."""
        top = module.partition(".")[0]
        for each in self.by_name.values():
            if each.origin and (normal(each.name) == normal(top) or top.encode() in each.text("top_level.txt").split()):
                return each
        return None

    def closure(self, names: Iterable[str]) -> dict[str, Distribution]:
        """The packages of these names that are here, and all that they need in turn."""
        found: dict[str, Distribution] = {}
        waiting = [normal(name) for name in names]
        while waiting:
            name = waiting.pop()
            if name not in found and name in self.by_name:
                found[name] = self.by_name[name]
                waiting += self.by_name[name].requires()
        return found


def infos(folder: Path) -> Iterator[Distribution]:
    """The packages of one folder."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return
    for name in names:
        if name.endswith("-info") and (found := INFO.fullmatch(name)):
            yield Distribution(found["name"].replace("_", "-"), found["version"], folder / name)


def compiled(path: Path) -> bool:
    """Whether there is a compiled module of that name, of whichever Python."""
    try:
        return any(path.parent.glob(f"{path.name}.*.so")) or path.with_name(path.name + ".so").is_file()
    except (OSError, ValueError):
        return False
