"""What a node's settings say of containers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class ContainersWanted:
    """`node` differs between two grids on one machine; `images` empty: all local ones of rgrid's own; `runtime` empty: the
    engine's; `pulls`: an image that is missing may be fetched from its registry."""

    node: str = "local"
    images: tuple[str, ...] = ()
    runtime: str = ""
    pulls: bool = True

    def traces(self) -> Path:
        """A folder in memory for what the node and its containers share; it goes with a life that ends in good order."""
        return MEMORY / f"rgrid-{self.node}"


NO_WISHES = ContainersWanted()
