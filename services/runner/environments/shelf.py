"""All environments of a node on its disk: which there are, how large, who goes first when the disk budget is reached."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from services.runner.cleaning import remove_now
from services.runner.environments.folder import Manifest, read_manifest
from services.runner.environments.using import busy, unused

log = logging.getLogger("rgrid.runner")

LOCKS, KNOWN, CACHES, PACKS = "locks", "known", "caches", "packs"
GONE = ".gone."


@dataclass(frozen=True, slots=True)
class Kept:
    """A whole environment; `used_ns` is when it was used last."""

    id: str
    manifest: Manifest
    used_ns: int


class Shelf:
    """`folder` is the node's own; several processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("", LOCKS, KNOWN, CACHES, PACKS):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o755)

    def path(self, environment: str) -> Path:
        return self.folder / environment

    def lock(self, environment: str) -> Path:
        """Who makes this environment holds it (using.alone)."""
        return self.folder / LOCKS / environment

    @property
    def caches(self) -> Path:
        """Who builds holds it with others (using.together), who empties it alone."""
        return self.folder / CACHES

    def cache(self, tool: str) -> Path:
        """What a tool keeps between two builds."""
        return self.caches / tool

    def pack(self, environment: str) -> Path:
        """A new file to pack an environment into."""
        return self.folder / PACKS / f"{environment}.{secrets.token_hex(4)}"

    def beside(self, environment: str) -> Path:
        """A new folder to make an environment in."""
        path = self.folder / f".{environment}.{secrets.token_hex(4)}"
        path.mkdir(mode=0o755)
        return path

    def kept(self) -> list[Kept]:
        """The least recently used one first."""
        found = []
        for entry in os.scandir(self.folder):
            if entry.name.startswith("env_") and (manifest := read_manifest(Path(entry.path))) is not None:
                with contextlib.suppress(OSError):
                    found.append(Kept(entry.name, manifest, entry.stat().st_mtime_ns))
        return sorted(found, key=lambda each: each.used_ns)

    def remove(self, environment: str, *, also_used: bool = False) -> bool:
        """Take it away at once unless somebody uses it; whether it is gone. The files may take a moment more: use a thread.

        `also_used`: those who use it by a mount keep it, and nobody else comes to it; `sweep` ends it when they are done.
        """
        path, gone = self.path(environment), self.gone(environment)
        fd = unused(path)
        try:
            if fd is None and not also_used:
                return not path.exists()
            with contextlib.suppress(FileNotFoundError):
                path.rename(gone)
            if fd is not None:
                remove_now(gone)
            return True
        finally:
            if fd is not None:
                os.close(fd)

    def withdraw(self, environment: str) -> None:
        """Nobody else comes to it, whoever uses it; takes no time, the rest is for `sweep`."""
        with contextlib.suppress(FileNotFoundError):
            self.path(environment).rename(self.gone(environment))

    def sweep(self) -> None:
        """What was taken away while it was used, and is used no more."""
        for path in self.folder.glob(f"{GONE}*"):
            fd = unused(path)
            if fd is not None:
                remove_now(path)
                os.close(fd)

    def sweep_all(self) -> None:
        """That, and what builds left that were killed: only before anything begins."""
        self.sweep()
        for path in self.folder.glob(".env_*"):
            if not busy(self.lock(path.name[1:].partition(".")[0])):
                remove_now(path)
        for path in (self.folder / PACKS).iterdir():
            path.unlink(missing_ok=True)

    def gone(self, name: str) -> Path:
        """Where something goes to be removed: `sweep` ends what nobody else did."""
        return self.folder / f"{GONE}{name}.{secrets.token_hex(4)}"

    def knows(self, environment: str, account: str) -> bool:
        """The control plane was told that this account's environment is here."""
        return self._known(environment, account).exists()

    def learn(self, environment: str, account: str) -> None:
        self._known(environment, account).touch()

    def unlearn(self, environment: str) -> list[str]:
        """The accounts that had been told of."""
        names = [path.name for path in (self.folder / KNOWN).glob(f"{environment}.*")]
        for name in names:
            (self.folder / KNOWN / name).unlink(missing_ok=True)
        return [name.partition(".")[2] for name in names]

    def _known(self, environment: str, account: str) -> Path:
        return self.folder / KNOWN / f"{environment}.{account}"
