"""What request bodies are made of, and the smaller ones. A submit is in `job_schemas`, a batch in `batch_schemas`."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

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
from domain.secret import VALUE_BYTES_MAX
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


BASE64 = "^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$"


def _one_of_them(schema: dict[str, Any]) -> None:
    """What pydantic cannot say of the body of a secret."""
    text = {"type": "string", "minLength": 1, "maxLength": VALUE_BYTES_MAX}
    schema["properties"] = {
        "value": text,
        "base64": {"type": "string", "minLength": 4, "pattern": BASE64},
    }
    schema["oneOf"] = [{"required": ["value"]}, {"required": ["base64"]}]


class SecretValueBody(Body):
    """The value of a secret: `value` is text, `base64` any bytes. One of them, VALUE_BYTES_MAX bytes at most.

    What is wrong with it is said without it.
    """

    model_config = ConfigDict(
        extra="forbid", strict=False, frozen=True, hide_input_in_errors=True, json_schema_extra=_one_of_them
    )
    value: Annotated[str | None, Field(repr=False, max_length=VALUE_BYTES_MAX)] = None
    base64: Annotated[str | None, Field(repr=False, max_length=4 * (VALUE_BYTES_MAX // 3 + 1))] = None

    @model_validator(mode="before")
    @classmethod
    def _nothing_else(cls, data: Any) -> Any:
        if isinstance(data, dict) and not (
            len(data) == 1 and data.keys() <= {"value", "base64"} and all(data.values())
        ):
            raise ValueError("it is either `value` or `base64`, and nothing else")
        return data

    @model_validator(mode="after")
    def _a_value(self) -> Self:
        self.content()
        return self

    def content(self) -> bytes:
        """Raises ValueError, without the value."""
        try:
            content = b64decode(self.base64 or "", validate=True) if self.value is None else self.value.encode()
        except ValueError:
            raise ValueError("the value is not base64, or not text") from None
        if not 1 <= len(content) <= VALUE_BYTES_MAX:
            raise ValueError(f"the value has {len(content):,} bytes; 1 to {VALUE_BYTES_MAX:,} can be kept")
        return content


class ProjectBody(Body):
    """What a project keeps: files and logs for so many days after the end of what made them."""

    retention_days: Annotated[int, Field(ge=1, le=DAYS_MAX, strict=True), WHOLE]
