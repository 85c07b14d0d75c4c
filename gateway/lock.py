"""Whether the lock of a job's packages is stored and says what a lock may say: nothing else ever reaches a node's installer."""

from __future__ import annotations

from domain.environment.lock import LOCK_BYTES_MAX
from domain.errors import Invalid
from gateway.job_schemas import EnvironmentBody
from gateway.parts import Parts
from gateway.stored import blobs_of, check_blobs


async def check_lock(parts: Parts, account: str, body: EnvironmentBody | None) -> None:
    """Raises Conflict (BLOBS_MISSING), Invalid (INVALID_LOCK, SIZE_MISMATCH), NotFound, BlobDamaged."""
    if body is None:
        return
    lock = body.lock.ref()
    if lock.size_bytes > LOCK_BYTES_MAX:
        message = f"The lock has {lock.size_bytes:,} bytes; at most {LOCK_BYTES_MAX:,} are taken."
        raise Invalid(message, code="INVALID_LOCK")
    await check_blobs(parts.store, account, blobs_of([lock]))
    await parts.locks.packages(parts.store, account, body.kind, lock.sha256)
