"""The kinds of values in requests: every string, list and number has a bound, and each bound has a name."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, WithJsonSchema

from domain.errors import Invalid
from domain.files import PATH_BYTES_MAX, checked_path
from domain.secret import NAME_CHARS_MAX as SECRET_NAME_CHARS_MAX

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
INTERPRETER = r"^([0-9]{1,3}(\.[0-9]{1,3})?)?$"
MODULE = r"^[^\W\d]\w*(\.[^\W\d]\w*)*$"
IMAGE = r"^([a-z0-9][A-Za-z0-9._:/@-]*)?$"
IMAGE_CHARS_MAX, IMPORTS_MAX = 255, 200
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
Module = Annotated[str, StringConstraints(max_length=ENV_NAME_CHARS_MAX, pattern=MODULE)]
EnvName = Annotated[str, StringConstraints(max_length=ENV_NAME_CHARS_MAX, pattern=ENV_NAME)]
SecretName = Annotated[str, StringConstraints(max_length=SECRET_NAME_CHARS_MAX, pattern=ENV_NAME)]
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


Env = Annotated[
    dict[EnvName, EnvText],
    Field(max_length=ENV_MAX, default_factory=dict),
    _mapping(ENV_NAME, ENV_NAME_CHARS_MAX, NO_NUL, ENV_BYTES_MAX, ENV_MAX),
]
TagMap = Annotated[
    dict[TagName, TagText],
    Field(max_length=TAGS_MAX, default_factory=dict),
    _mapping(TAG_NAME, TAG_NAME_CHARS_MAX, NO_CONTROL, TAG_CHARS_MAX, TAGS_MAX),
]
