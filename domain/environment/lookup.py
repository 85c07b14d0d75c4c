"""What is said of the environment of a job that is resolved: made before, or why it must be made; in words for people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.environment.lock import Packages
from domain.execution.events import Lookup
from domain.execution.job import Environment, Job
from domain.node.offer import Offer

NOT_BUILT = Lookup("miss", "not built before")
DIFFERENCES_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Made:
    """What was made of a lock for one target, as the read models know it. `good`: it was not thrown away since."""

    id: str
    target: str
    packages: int = 0
    build_ms: int = 0
    nodes: tuple[str, ...] = ()
    good: bool = True
    pruned: bool = False
    invalidated_by: str = ""


class Target(NamedTuple):
    """`cpython-3.11.7-linux-x86_64`; in a container also the image: `cpython-3.12.1-linux-x86_64-image-3f9a01c2d4e5`."""

    interpreter: str
    version: str
    platform: str
    image: str

    @classmethod
    def of(cls, text: str) -> Target:
        machine, _, image = text.partition("-image-")
        interpreter, version, platform, *_ = [*machine.split("-", 2), "", "", ""]
        return cls(interpreter, version, platform, image)

    def fits(self, job: Job) -> bool:
        """Whether the job may run with it, as far as its own words go."""
        runtime = "node" if self.interpreter == "node" else "python"
        asked = job.interpreter
        if runtime != job.runtime or (job.image and not self.image):
            return False
        return not asked or self.version == asked or self.version.startswith(f"{asked}.")


def targets_for(job: Job, offers: Iterable[Offer]) -> set[str]:
    """What its packages may have to be made for, on the nodes that could run it. Who asks for no version gets the node's
    own Python, which its labels name. Empty for who brings an image: only the node finds out what is in it."""
    found: set[str] = set()
    for offer in offers:
        if job.image or job.needs not in offer.runtimes:
            continue
        fitting = {text for text in offer.targets if Target.of(text).fits(job)}
        own = {text for text in fitting if Target.of(text).version == offer.labels.get("python")}
        found |= own if own and job.runtime == "python" and not job.interpreter else fitting
    return found


def made_lookup(job: Job, made: Sequence[Made], wanted: Collection[str]) -> Lookup | None:
    """What is said of it, out of what was `made` of the very same lock; None when nothing that could serve was.

    `wanted`: what the nodes of now need it for; empty while there is none: then anything that fits is as good.
    """
    assert job.environment is not None
    good = [each for each in made if each.good and Target.of(each.target).fits(job)]
    for each in good:
        if each.target in wanted or not wanted:
            return Lookup("hit", f"{counted(each.packages)} of {named(job.environment)}, built before")
    for each in made:
        if not each.good and each.target in wanted:
            return Lookup("miss", _gone(each))
    others = good or [each for each in made if each.good]
    return Lookup("miss", _elsewhere(others[0].target, min(wanted))) if others and wanted else None


def changed_lookup(environment: Environment, before: Packages | None, now: Packages | None) -> Lookup:
    """A miss after the last run of the same script had another lock; None: that lock cannot be read any more."""
    if before is None or now is None:
        return Lookup("miss", f"{named(environment)} changed")
    return Lookup("miss", f"{named(environment)} changed: {differences(before, now)}")


def differences(before: Mapping[str, str], now: Mapping[str, str], most: int = DIFFERENCES_SHOWN) -> str:
    """`pandas 2.2 → 2.3, +six 1.16, -attrs`, at most so many of them, `and 12 more`."""
    words = [f"{name} {before[name]} → {now[name]}" for name in sorted(now) if before.get(name, now[name]) != now[name]]
    words += [f"+{name} {now[name]}" for name in sorted(now) if name not in before]
    words += [f"-{name}" for name in sorted(before) if name not in now]
    if not words:
        return "the same packages, locked in another way"
    rest = len(words) - most
    return ", ".join(words[:most]) + (f", and {rest} more" if rest > 0 else "")


def counted(packages: int) -> str:
    return "1 package" if packages == 1 else f"{packages:,} packages"


def named(environment: Environment) -> str:
    """Where the packages were declared."""
    return environment.source or environment.lock.path


def _gone(made: Made) -> str:
    if made.pruned:
        return f"was pruned by {made.invalidated_by}, to spare room" if made.invalidated_by else "was pruned"
    return f"was invalidated by {made.invalidated_by}" if made.invalidated_by else "was invalidated"


def _elsewhere(made_for: str, wanted: str) -> str:
    was, now = Target.of(made_for), Target.of(wanted)
    if (was.interpreter, was.version) != (now.interpreter, now.version):
        program = now.version if was.interpreter == now.interpreter else f"{now.interpreter} {now.version}"
        return f"made for {made_for}, the nodes have {program}: the interpreter changed"
    if was.platform != now.platform:
        return f"made for {made_for}, the nodes are {now.platform}: the platform changed"
    return f"made for {made_for}, now it is {wanted}: the image changed"
