"""What the body of a request about many executions may look like: a batch, a retry of its members, a forecast."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from domain.batch.decider import FAILURES
from domain.batch.members import LIST_BYTES_MAX, MEMBERS_MAX
from domain.files import ENTRIES_INLINE_MAX, FILES_MAX, PATH_BYTES_MAX, FileSet, file_set
from domain.retention import DAYS_MAX
from gateway.fields import BLOBS_MAX, NO_NUL, WHOLE, Bytes, Sha256
from gateway.job_schemas import EnvironmentBody, Image, Interpreter, JobBody
from gateway.reading import ID_PATTERN
from gateway.schemas import BlobBody, Body, FileBody, LimitsBody, check_tree

BULK_MAX = 200
Members = Annotated[int, Field(ge=1, le=MEMBERS_MAX, strict=True), WHOLE]
Bound = Annotated[int, Field(ge=0, le=MEMBERS_MAX, strict=True), WHOLE]
EndStatus = Literal["failed", "timed_out", "lost", "cancelled", "succeeded"]


class SharedBody(Body):
    """Files that every member reads: a list, or (many) a stored blob with the JSON list of them."""

    entries: Annotated[list[FileBody], Field(max_length=ENTRIES_INLINE_MAX, default_factory=list)]
    manifest: Sha256 | None = None
    count: Annotated[int, Field(ge=0, le=FILES_MAX, strict=True), WHOLE] = 0
    size_bytes: Bytes = 0

    @model_validator(mode="after")
    def _in_one_form(self) -> Self:
        if self.entries and self.manifest:
            raise ValueError("shared files come either as a list or as a manifest")
        if self.manifest is None and self.count not in (0, len(self.entries)):
            raise ValueError("count is that of a manifest, or of the entries")
        return self

    def file_set(self) -> FileSet:
        if self.manifest is not None:
            return FileSet(self.count, self.size_bytes, (), self.manifest)
        return file_set(tuple(each.ref() for each in self.entries))


class MembersBody(Body):
    """The stored list of the members: one JSON object a line {name, args, inputs: [{path, sha256, size_bytes, mode}]}."""

    sha256: Sha256
    size_bytes: Annotated[int, Field(ge=1, le=LIST_BYTES_MAX, strict=True), WHOLE]
    count: Members


class BatchBody(JobBody):
    """A script to run once for every member of a list. `args` come before those of the member."""

    members: MembersBody
    shared: SharedBody = Field(default_factory=lambda: SharedBody.model_validate({}))
    parallel: Bound = 0
    """So many run at the same time; 0: as many as there is room for."""
    failures_max: Bound = 0
    """So many failed members stop the batch; 0: none does."""

    @model_validator(mode="after")
    def _paths_fit_together(self) -> Self:
        check_tree([self.script.path, *(each.path for each in self.shared.entries)])
        return self


class RetryBody(Body):
    """Which members go again, by how they ended; with `script`, as that one from now on."""

    statuses: Annotated[list[EndStatus], Field(min_length=1, max_length=5, default_factory=lambda: [*FAILURES])]
    script: FileBody | None = None


class BulkBody(Body):
    """The same for many executions. Each is done, or refused, by itself."""

    op: Literal["cancel", "retry"]
    ids: Annotated[
        list[Annotated[str, StringConstraints(pattern=ID_PATTERN)]], Field(min_length=1, max_length=BULK_MAX)
    ]


class ScriptBody(Body):
    path: Annotated[str, StringConstraints(min_length=1, max_length=PATH_BYTES_MAX, pattern=NO_NUL)]
    sha256: Sha256


class EstimateBody(Body):
    """What is to run, as far as time and money depend on it. Nothing of it needs to be stored."""

    script: ScriptBody
    runtime: Literal["python", "node", "sh"]
    count: Members = 1
    parallel: Bound = 0
    limits: LimitsBody = LimitsBody()
    blobs: Annotated[list[BlobBody], Field(max_length=BLOBS_MAX, default_factory=list)]
    """Asked about only: how many of them are stored already."""
    environment: EnvironmentBody | None = None
    """Asked about only: whether it is built already."""
    interpreter: Interpreter = ""
    image: Image = ""


class EnvironmentsBody(Body):
    """Which environments are meant: those of `ids` (or unique beginnings), or all that match the filters."""

    ids: Annotated[
        list[Annotated[str, StringConstraints(pattern=ID_PATTERN)]], Field(max_length=BULK_MAX, default_factory=list)
    ]
    script: Annotated[str, StringConstraints(min_length=1, max_length=PATH_BYTES_MAX, pattern=NO_NUL)] | None = None
    """That a script of this path, name or SHA-256 needed lately."""
    unused_days: Annotated[int, Field(ge=0, le=DAYS_MAX, strict=True), WHOLE] | None = None
    """That nobody used for so many days."""
    all: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        filters = self.script is not None or self.unused_days is not None
        if (bool(self.ids) + filters + self.all) != 1:
            raise ValueError("say which environments: either ids, or filters (script, unused_days), or all")
        return self
