"""Hands a runner signed URLs for the blobs of an attempt whose lease its node holds, and for nothing else."""

from __future__ import annotations

import orjson

from domain.environment.decider import AGGREGATE, Environment, recipe_of
from domain.execution.job import Job
from domain.execution.state import Execution
from domain.ids import TOKEN
from services.artifacts.offers import offer, pick
from services.artifacts.store import ArtifactStore
from services.runtime.log import Ref
from services.runtime.messages import URLS_MAX, UrlsGiven, UrlsWanted
from services.runtime.nodes import answer_urls
from services.runtime.service import Context, Service

MANIFESTS_MAX = 16
"""How many manifests are remembered: a runner asks for the blobs of one in pages."""


class Porter:
    def __init__(self, context: Context, store: ArtifactStore) -> None:
        self.context = context
        self.store = store
        self._manifests: dict[tuple[str, str], frozenset[str]] = {}

    async def answer(self, node_id: str, wanted: UrlsWanted) -> UrlsGiven:
        """URLs by SHA-256, or an error by code: STALE_LEASE, TOO_MANY, INVALID_REQUEST, NOT_YOURS."""
        if len(wanted.blobs) > URLS_MAX:
            return UrlsGiven(error="TOO_MANY", message=f"At most {URLS_MAX} blobs a request.")
        ref = Ref(wanted.account, "execution", wanted.execution)
        state = await self._held(ref, node_id, wanted.attempt)
        if state is None or state.job is None:
            return UrlsGiven(
                error="STALE_LEASE", message=f"{node_id} does not hold attempt {wanted.attempt} of {ref.id}."
            )
        scope = f"{wanted.execution}.{wanted.attempt}"
        if wanted.environment:
            return await self._archive(ref.account, state.job, wanted.environment, scope)
        if wanted.direction == "download":
            strange = {blob.sha256 for blob in wanted.blobs} - await self._blobs(ref.account, state.job)
            if strange:
                return UrlsGiven(error="NOT_YOURS", message=f"{len(strange)} of these blobs are not part of this job.")
            url, small = pick(self.store, ref.account, wanted.blobs, scope) if wanted.bundles else ("", ())
            alone = {blob.sha256 for blob in wanted.blobs}.difference(small)
            urls = {sha256: self.store.download_url(ref.account, sha256, scope) for sha256 in alone}
            return UrlsGiven(urls, url, small)
        if wanted.direction == "upload":
            return await self._upload(ref.account, wanted, scope)
        return UrlsGiven(error="INVALID_REQUEST", message="The direction is download or upload.")

    async def _archive(self, account: str, job: Job, environment: str, scope: str) -> UrlsGiven:
        """Where the packed environment of that id is, of this account and for the job's own lock; no URL: nowhere."""
        if not TOKEN.match(environment) or job.environment is None:
            return UrlsGiven(error="NOT_YOURS", message="This job has no such environment.")
        ref = Ref(account, AGGREGATE, environment)
        known: Environment = (await self.context.load(ref))[
            0
        ]  # as of now: nobody gets what was invalidated a moment ago
        if known.recipe is None:
            return UrlsGiven()
        if recipe_of(job.environment, known.recipe.target) != known.recipe:
            return UrlsGiven(error="NOT_YOURS", message="That environment is made of another lock.")
        if known.archive is None or not known.good:
            return UrlsGiven()
        sha256 = known.archive.sha256
        return UrlsGiven({sha256: self.store.download_url(account, sha256, scope)})

    async def _upload(self, account: str, wanted: UrlsWanted, scope: str) -> UrlsGiven:
        found = await offer(self.store, account, wanted.blobs, scope, bundles=wanted.bundles, parts=wanted.parts)
        return UrlsGiven(found.urls, found.bundle, found.bundled, found.parts)

    async def _held(self, ref: Ref, node_id: str, attempt: int) -> Execution | None:
        state: Execution = await self.context.state(ref)
        if not state.held_by(node_id, attempt):
            state, _ = await self.context.load(ref)
        return state if state.held_by(node_id, attempt) else None

    async def _blobs(self, account: str, job: Job) -> set[str]:
        """Every blob that the job names, directly or in the manifests of its inputs and of what it shares."""
        blobs = {job.script.sha256} | ({job.environment.lock.sha256} if job.environment else set())
        for files in (job.inputs, job.shared):
            blobs.update(entry.sha256 for entry in files.entries)
            if files.manifest is not None:
                blobs.add(files.manifest)
                blobs |= await self._listed(account, files.manifest)
        return blobs

    async def _listed(self, account: str, manifest: str) -> frozenset[str]:
        """The blobs in a manifest of this account."""
        known = self._manifests.get((account, manifest))
        if known is None:
            pieces = [piece async for piece in self.store.open(account, manifest)]
            known = frozenset(entry["sha256"] for entry in orjson.loads(b"".join(pieces)))
            self._manifests = {**dict(list(self._manifests.items())[-MANIFESTS_MAX:]), (account, manifest): known}
        return known


async def run(context: Context) -> None:
    """Answer until cancelled."""
    await answer_urls(context.bus, Porter(context, context.shell.store).answer)


SERVICE = Service(name="porter", consumes=(), sends=(), start=run)
