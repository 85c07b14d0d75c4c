"""What a request body may look like: every string, list and number has a bound, and each bound has a name."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from domain.errors import Invalid
from domain.execution.job import (
    CPU_MILLIS_DEFAULT,
    DISK_BYTES_DEFAULT,
    MEMORY_BYTES_DEFAULT,
    TIMEOUT_SECONDS_DEFAULT,
    Job,
    Limits,
)
from domain.files import (
    ENTRIES_INLINE_MAX,
    FILES_MAX,
    PATH_BYTES_MAX,
    FileRef,
    FileSet,
    checked_path,
    checked_tree,
    file_set,
)
from domain.retry import RETRIES_MAX

ARGS_MAX = 10_000
ARG_CHARS_MAX = 32_767
ARGS_BYTES_MAX = 1024**2
ENV_MAX = 256
ENV_NAME_CHARS_MAX = 128
ENV_BYTES_MAX = 128 * 1024 - 2
"""So that one variable, its `=` and its end still fit into what Linux takes as one string."""
FILE_BYTES_MAX = 1024**4
NAME_CHARS_MAX = 200
TAGS_MAX = 32
TAG_NAME_CHARS_MAX = 64
TAG_CHARS_MAX = 256
PRIORITY_MAX = 1000
CPU_MILLIS_MAX = 1_024_000
MEMORY_BYTES_MIN = 16 * 1024**2
MEMORY_BYTES_MAX = 64 * 1024**4
DISK_BYTES_MIN = 1024**2
DISK_BYTES_MAX = 1024**5
TIMEOUT_SECONDS_MIN = 0.1
TIMEOUT_SECONDS_MAX = 30 * 24 * 3600
BLOBS_MAX = 1000
LABEL_CHARS_MAX = 100

NO_CONTROL = r"^[^\x00-\x1f\x7f-\x9f]*$"
NO_NUL = r"^[^\x00]*$"
PLAIN_PATH = r"^[^/\x00][^\x00]*$"
ENV_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"
PROJECT_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
TAG_NAME = r"^[A-Za-z0-9][A-Za-z0-9._/-]*$"


def _path(value: str) -> str:
    try:
        return checked_path(value)
    except Invalid as refused:
        raise ValueError(refused.message) from refused


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 5.0 is the integer 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FilePath = Annotated[
    str, StringConstraints(min_length=1, max_length=PATH_BYTES_MAX, pattern=PLAIN_PATH), AfterValidator(_path)
]
Arg = Annotated[str, StringConstraints(max_length=ARG_CHARS_MAX, pattern=NO_NUL)]
EnvName = Annotated[str, StringConstraints(max_length=ENV_NAME_CHARS_MAX, pattern=ENV_NAME)]
EnvText = Annotated[str, StringConstraints(max_length=ENV_BYTES_MAX, pattern=NO_NUL)]
Name = Annotated[str, StringConstraints(max_length=NAME_CHARS_MAX, pattern=NO_CONTROL)]
Project = Annotated[str, StringConstraints(min_length=1, max_length=NAME_CHARS_MAX, pattern=PROJECT_NAME)]
TagName = Annotated[str, StringConstraints(max_length=TAG_NAME_CHARS_MAX, pattern=TAG_NAME)]
TagText = Annotated[str, StringConstraints(max_length=TAG_CHARS_MAX, pattern=NO_CONTROL)]
Bytes = Annotated[int, Field(ge=0, le=FILE_BYTES_MAX, strict=True), WHOLE]


def _mapping(name: str, name_max: int, text: str, text_max: int, count_max: int) -> WithJsonSchema:
    """How a bounded dict of strings is described; pydantic's own words would allow other names too."""
    return WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"type": "string", "pattern": name, "maxLength": name_max},
            "additionalProperties": {"type": "string", "pattern": text, "maxLength": text_max},
            "maxProperties": count_max,
        }
    )


class Body(BaseModel):
    """Base of all bodies: a field nobody knows is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid", strict=False, frozen=True)


class FileBody(Body):
    """One file by its content. `path` is relative to the working directory of the script."""

    path: FilePath
    sha256: Sha256
    size_bytes: Bytes
    mode: Annotated[int, Field(ge=0, le=0o777, strict=True), WHOLE] = 0o644

    def ref(self) -> FileRef:
        return FileRef(self.path, self.sha256, self.size_bytes, self.mode)


class LimitsBody(Body):
    """Bounds of one attempt."""

    cpu_millis: Annotated[int, Field(ge=1, le=CPU_MILLIS_MAX, strict=True), WHOLE] = CPU_MILLIS_DEFAULT
    memory_bytes: Annotated[int, Field(ge=MEMORY_BYTES_MIN, le=MEMORY_BYTES_MAX, strict=True), WHOLE] = (
        MEMORY_BYTES_DEFAULT
    )
    timeout_seconds: Annotated[float, Field(ge=TIMEOUT_SECONDS_MIN, le=TIMEOUT_SECONDS_MAX, strict=True)] = (
        TIMEOUT_SECONDS_DEFAULT
    )
    disk_bytes: Annotated[int, Field(ge=DISK_BYTES_MIN, le=DISK_BYTES_MAX, strict=True), WHOLE] = DISK_BYTES_DEFAULT

    def limits(self) -> Limits:
        return Limits(self.cpu_millis, self.memory_bytes, self.timeout_seconds, self.disk_bytes)


class JobBody(Body):
    """What a run and a batch of runs have in common. Every blob named here must have been uploaded before."""

    script: FileBody
    runtime: Literal["python", "node", "sh"]
    args: Annotated[list[Arg], Field(max_length=ARGS_MAX)] = []
    env: Annotated[
        dict[EnvName, EnvText],
        Field(max_length=ENV_MAX),
        _mapping(ENV_NAME, ENV_NAME_CHARS_MAX, NO_NUL, ENV_BYTES_MAX, ENV_MAX),
    ] = {}
    limits: LimitsBody = LimitsBody()
    network: Annotated[bool, Field(strict=True)] = False
    retries: Annotated[int, Field(ge=0, le=RETRIES_MAX, strict=True), WHOLE] = 0
    name: Name = ""
    project: Project = "default"
    tags: Annotated[
        dict[TagName, TagText],
        Field(max_length=TAGS_MAX),
        _mapping(TAG_NAME, TAG_NAME_CHARS_MAX, NO_CONTROL, TAG_CHARS_MAX, TAGS_MAX),
    ] = {}
    priority: Annotated[int, Field(ge=-PRIORITY_MAX, le=PRIORITY_MAX, strict=True), WHOLE] = 0
    memoize: Annotated[bool, Field(strict=True)] = False
    """An earlier run of the same script, inputs and arguments that succeeded may serve instead."""

    @model_validator(mode="after")
    def _texts_bounded_in_sum(self) -> Self:
        if sum(len(arg.encode()) for arg in self.args) > ARGS_BYTES_MAX:
            raise ValueError(f"the arguments have more than {ARGS_BYTES_MAX} bytes together")
        if sum(len(name) + len(text.encode()) for name, text in self.env.items()) > ENV_BYTES_MAX:
            raise ValueError(f"the environment has more than {ENV_BYTES_MAX} bytes")
        return self

    def job(self, inputs: FileSet, shared: FileSet, limits: Limits) -> Job:
        return Job(
            runtime=self.runtime,
            script=self.script.ref(),
            args=tuple(self.args),
            inputs=inputs,
            shared=shared,
            env=dict(self.env),
            limits=limits,
            network=self.network,
            retries=self.retries,
        )


class SubmitBody(JobBody):
    """A script to run, with all it needs."""

    inputs: Annotated[list[FileBody], Field(max_length=ENTRIES_INLINE_MAX)] = []
    inputs_manifest: Sha256 | None = None
    """Instead of `inputs`, for many files: a stored blob with the JSON list of them."""
    inputs_count: Annotated[int, Field(ge=0, le=FILES_MAX, strict=True), WHOLE] = 0
    inputs_size_bytes: Bytes = 0

    @model_validator(mode="after")
    def _inputs_in_one_form(self) -> Self:
        if self.inputs and self.inputs_manifest:
            raise ValueError("the inputs come either as a list or as a manifest")
        if self.inputs_manifest is None and (self.inputs_count or self.inputs_size_bytes):
            raise ValueError("inputs_count and inputs_size_bytes belong to an inputs_manifest")
        check_tree([self.script.path, *(each.path for each in self.inputs)])
        return self

    def input_set(self) -> FileSet:
        if self.inputs_manifest is not None:
            return FileSet(self.inputs_count, self.inputs_size_bytes, (), self.inputs_manifest)
        return file_set(tuple(each.ref() for each in self.inputs))


def check_tree(paths: list[str]) -> None:
    """Raises ValueError, which a validator may, when two of the paths cannot both be."""
    try:
        checked_tree(paths)
    except Invalid as refused:
        raise ValueError(refused.message) from refused


class BlobBody(Body):
    sha256: Sha256
    size_bytes: Bytes


class BlobsBody(Body):
    """Which of these blobs are missing? The answer has a signed upload URL for each that is."""

    blobs: Annotated[list[BlobBody], Field(max_length=BLOBS_MAX)]
    bundle: Annotated[bool, Field(strict=True)] = False
    """The client can bring small blobs in bundles: they need no URL each."""
    parts: Annotated[bool, Field(strict=True)] = False
    """The client can bring large blobs in parts, straight to the store."""


class KeyBody(Body):
    """A new key. `label` says what it is for."""

    label: Annotated[str, StringConstraints(max_length=LABEL_CHARS_MAX, pattern=NO_CONTROL)] = ""
