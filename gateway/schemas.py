"""What request bodies are made of, and the smaller ones. A submit is in `job_schemas`, a batch in `batch_schemas`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from domain.errors import Invalid
from domain.execution.job import (
    CPU_MILLIS_DEFAULT,
    DISK_BYTES_DEFAULT,
    MEMORY_BYTES_DEFAULT,
    TIMEOUT_SECONDS_DEFAULT,
    Limits,
)
from domain.files import FileRef, checked_tree
from domain.retention import DAYS_MAX
from gateway.fields import (
    BLOBS_MAX,
    CPU_MILLIS_MAX,
    DISK_BYTES_MAX,
    DISK_BYTES_MIN,
    LABEL_CHARS_MAX,
    MEMORY_BYTES_MAX,
    MEMORY_BYTES_MIN,
    NO_CONTROL,
    TIMEOUT_SECONDS_MAX,
    TIMEOUT_SECONDS_MIN,
    WHOLE,
    Bytes,
    FilePath,
    Sha256,
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


class ProjectBody(Body):
    """What a project keeps: files and logs for so many days after the end of what made them."""

    retention_days: Annotated[int, Field(ge=1, le=DAYS_MAX, strict=True), WHOLE]
