"""What a node's settings say of containers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ContainersWanted:
    """`node` differs between two grids on one machine; `images` empty: all local ones of rgrid's own; `runtime` empty: the
    engine's; `pulls`: an image that is missing may be fetched from its registry."""

    node: str = "local"
    images: tuple[str, ...] = ()
    runtime: str = ""
    pulls: bool = True


NO_WISHES = ContainersWanted()
