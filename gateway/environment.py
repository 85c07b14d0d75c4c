"""What an execution runs in, part by part: the lock of its packages, interpreter, platform and image, and what was made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.environment.lookup import Made, Target
from gateway.auth import Caller
from gateway.memo import events_of, job_of
from gateway.parts import Parts
from services.runtime.log import Recorded


async def environment_parts(parts: Parts, caller: Caller, commits: Sequence[Recorded]) -> dict[str, Any] | None:
    """None for the node's own interpreter alone. `packages` is null when its lock is not kept any more."""
    job = job_of(events_of(commits))
    found = job.environment
    if not (found or job.interpreter or job.image):
        return None
    shown: dict[str, Any] = {"interpreter": job.interpreter or None, "image": job.image or None}
    if found is None:
        return {"kind": None, **shown, "made": []}
    account, lock = caller.account, found.lock.sha256
    locked = await parts.locks.readable(parts.store, account, found.kind, lock)
    made = await parts.queries.made_of(account, found.kind, lock, found.builds)
    return {
        "kind": found.kind,
        "source": found.source or found.lock.path,
        "lock": lock,
        "builds": found.builds,
        "packages": len(locked) if locked is not None else None,
        **shown,
        "made": [_made(each) for each in made],
    }


def _made(made: Made) -> dict[str, Any]:
    target = Target.of(made.target)
    return {
        "id": made.id,
        "status": "good" if made.good else ("pruned" if made.pruned else "invalidated"),
        "interpreter": f"{target.interpreter} {target.version}",
        "platform": target.platform,
        "image": target.image or None,
        "packages": made.packages,
        "build_ms": made.build_ms,
        "nodes": list(made.nodes),
    }
