"""Outputs from the grid: in parallel, resumed after a break, verified by SHA-256, never over a file that differs."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import CliError, Unreachable
from ..terminal.screen import clean
from .abreast import abreast
from .filling import Filling, ledger_of
from .patience import Patience
from .picking import Picking
from .progress import Progress
from .transport import Api, query_string, segment

CONNECTIONS = 8
PIECE = 1 << 18
NAME_BYTES_MAX = 255
FULL = (errno.ENOSPC, errno.EDQUOT)


def outputs(api: Api, execution: str) -> Iterator[dict[str, Any]]:
    """Every output of an execution, each with a signed URL."""
    for page in pages(api, execution):
        yield from page["items"]


def pages(api: Api, execution: str, *, patient: bool = True) -> Iterator[dict[str, Any]]:
    """The same by the page: `items`, and what gives the small ones of them at once."""
    cursor = None
    while True:
        path = f"/executions/{segment(execution)}/outputs{query_string({'cursor': cursor})}"
        page = api.call("GET", path, patient=patient).json()
        yield page
        cursor = page.get("next_cursor")
        if not cursor:
            return


def download(api: Api, execution: str, folder: Path, *, force: bool = False) -> tuple[int, int]:
    """Bring all outputs into `folder`; how many files and bytes they are. Raises CliError, before anything is
    fetched when a file would be overwritten."""
    fetcher = Fetcher(api, execution)
    listed = fetcher.listed()
    items = [item for page in listed for item in page["items"]]
    targets = [(item, inside(folder, item["path"])) for item in items]
    wanted = [(item, path) for item, path in targets if not is_same(path, item)]
    standing = [path for _, path in wanted if os.path.lexists(path)]
    if standing and not force:
        others = f" and {len(standing) - 1} more" if len(standing) > 1 else ""
        raise CliError(
            f"{clean(standing[0])}{others} exists and differs; nothing was overwritten.",
            f"Another folder: rgrid download {execution} -o other      Overwrite: rgrid download {execution}"
            f" -o {clean(folder)} --force",
            code="OUTPUT_EXISTS",
        )
    with Progress("downloading", sum(item["size_bytes"] for item, _ in wanted)) as progress:
        fetcher.progress = progress
        fetcher.fetch(Picking(fetcher).all_of(wanted, [page["pick"] for page in listed if page.get("pick")]))
    return len(items), sum(item["size_bytes"] for item in items)


def inside(folder: Path, name: str) -> Path:
    """Where an output of this name goes; raises CliError for a name that would leave the folder."""
    parts = PurePosixPath(name).parts
    bad = not parts or name.startswith("/") or ".." in parts or "\x00" in name or (os.name == "nt" and "\\" in name)
    if bad or any(len(os.fsencode(part)) > NAME_BYTES_MAX for part in parts):
        raise CliError(f"An output is named {clean(name)!r}: refused, it would leave the folder.", code="OUTPUT_NAME")
    at = folder
    for part in parts[:-1]:
        at = at / part
        if at.is_symlink():
            raise CliError(f"{clean(at)} is a link; outputs are not written through links.", code="OUTPUT_NAME")
    return folder.joinpath(*parts)


def is_same(path: Path, item: dict[str, Any]) -> bool:
    """Whether `path` is a regular file with exactly this content."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != item["size_bytes"]:
        return False
    return digest_of(path).hexdigest() == item["sha256"]


def digest_of(path: Path) -> Any:
    """A running SHA-256 over the content of `path`."""
    digest = hashlib.sha256()
    with path.open("rb") as stored:
        while piece := stored.read(PIECE):
            digest.update(piece)
    return digest


class Fetcher:
    """Downloads in flight; the first failure stops them all."""

    def __init__(self, api: Api, execution: str) -> None:
        self.api, self.execution = api, execution
        self.patience = Patience("The download")
        self.asking = threading.Lock()
        self.fresh: dict[str, str] = {}
        self.progress: Progress | None = None

    def fetch(self, wanted: list[tuple[dict[str, Any], Path]]) -> None:
        abreast(self.one, wanted, CONNECTIONS, self.patience)

    def one(self, item: dict[str, Any], path: Path) -> None:
        """Fetch into `.part` beside the target, verify, rename."""
        with self.placed(item, path) as part:
            self.fill(item, part)

    @contextmanager
    def placed(self, item: dict[str, Any], path: Path) -> Iterator[Path]:
        """A part file that becomes `path` when all went well. Raises CliError when the disk here does not take it."""
        part = path.with_name(part_name(path.name, item["sha256"]))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            part.chmod((0o777 if item.get("mode", 0) & 0o100 else 0o666) & ~umask())
            part.replace(path)
        except CliError:
            raise
        except OSError as broken:
            for left in (part, ledger_of(part)):
                with suppress(OSError):
                    left.unlink(missing_ok=True)
            room = "Make room, or take another folder" if broken.errno in FULL else "Another folder"
            raise CliError(
                f"{clean(path)} cannot be written ({broken.strerror}).",
                f"{room}: rgrid download {self.execution} -o other",
                code="OUTPUT_UNWRITABLE",
            ) from broken

    def fill(self, item: dict[str, Any], part: Path) -> None:
        """Write `part` until it is complete; a wrong hash throws it away, once."""
        damaged = 0
        part.touch(mode=0o600)
        while True:
            filled = Filling(self, item, part)
            filled.fill()
            if digest_of(part).hexdigest() == item["sha256"]:
                return
            filled.forget()
            damaged += 1
            if damaged > 2:
                raise CliError(f"{clean(item['path'])} arrives damaged (SHA-256 differs).", code="OUTPUT_DAMAGED")

    def renewed(self, name: str) -> str:
        """A fresh URL for `name`."""
        with self.asking:
            self.fresh = {item["path"]: item["url"] for page in self.listed() for item in page["items"]}
        return self.fresh[name]

    def listed(self) -> list[dict[str, Any]]:
        """All pages of the list of outputs; a grid that was there and is away is waited for."""
        while True:
            try:
                return list(pages(self.api, self.execution, patient=not self.api.expected))
            except Unreachable as away:
                if not self.api.expected:
                    raise
                self.patience.wait(away.__cause__ or away.message)


def part_name(name: str, sha256: str) -> str:
    """The temporary name: bound to name and content, so that a resume never mixes two of them, and short however long
    the name is."""
    return f".{hashlib.sha256(os.fsencode(name) + sha256.encode()).hexdigest()[:16]}.part"


def umask() -> int:
    """The umask; reading it means setting it, so it is read once at import, in one thread."""
    return _UMASK


_UMASK = os.umask(0o077)
os.umask(_UMASK)
