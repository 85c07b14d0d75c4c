"""Hands a runner signed URLs for the blobs of an attempt whose lease its node holds, and for nothing else."""

from __future__ import annotations

from domain.execution.decider import Execution
from services.artifacts.store import ArtifactStore
from services.runtime.log import Ref
from services.runtime.messages import URLS_MAX, BlobRef, UrlsGiven, UrlsWanted
from services.runtime.service import Context, Service


class Porter:
    def __init__(self, context: Context, store: ArtifactStore) -> None:
        self.context = context
        self.store = store

    async def answer(self, node_id: str, wanted: UrlsWanted) -> UrlsGiven:
        """URLs by SHA-256, or an error by code: STALE_LEASE, TOO_MANY, INVALID_REQUEST, NOT_YOURS."""
        if len(wanted.blobs) > URLS_MAX:
            return UrlsGiven(error="TOO_MANY", message=f"At most {URLS_MAX} blobs a request.")
        ref = Ref(wanted.account, "execution", wanted.execution)
        if not await self._holds(ref, node_id, wanted.attempt):
            return UrlsGiven(error="STALE_LEASE", message=f"{node_id} does not hold attempt {wanted.attempt} of {ref.id}.")
        scope = f"{wanted.execution}.{wanted.attempt}"
        if wanted.direction == "download":
            return UrlsGiven({blob.sha256: self.store.download_url(ref.account, blob.sha256, scope) for blob in wanted.blobs})
        if wanted.direction == "upload":
            missing: list[BlobRef] = await self.store.missing(ref.account, wanted.blobs)
            return UrlsGiven(
                {blob.sha256: self.store.upload_url(ref.account, blob.sha256, blob.size_bytes, scope) for blob in missing}
            )
        return UrlsGiven(error="INVALID_REQUEST", message="The direction is download or upload.")

    async def _holds(self, ref: Ref, node_id: str, attempt: int) -> bool:
        state: Execution = await self.context.state(ref)
        if _leased_to(state, node_id, attempt):
            return True
        state, _ = await self.context.load(ref)
        return _leased_to(state, node_id, attempt)


def _leased_to(state: Execution, node_id: str, attempt: int) -> bool:
    return state.leased and state.node_id == node_id and state.attempt == attempt


async def run(context: Context) -> None:
    """Answer until cancelled."""
    await context.answer_urls(Porter(context, context.store).answer)


SERVICE = Service(name="porter", consumes=(UrlsWanted,), sends=(), run=run)
