"""The query of a log stream: the same names and bounds as those of the history route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import Invalid
from gateway.stream.follow import Wanted
from gateway.stream.tail import TAIL_MAX

ATTEMPT_MAX = 1_000_000
CHUNK_MAX = 2**31 - 1
ID_CHARS_MAX = 64


class StreamQuery(BaseModel):
    """`ticket` was redeemed before."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    attempt: int = Field(1, ge=1, le=ATTEMPT_MAX)
    after_chunk: int = Field(0, ge=0, le=CHUNK_MAX)
    stream: Literal["stdout", "stderr", "rgrid"] | None = None
    tail: int | None = Field(None, ge=1, le=TAIL_MAX)


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """Raises Invalid, naming the parameter."""
    try:
        parsed = StreamQuery.model_validate(dict(query))
    except ValidationError as error:
        first = error.errors()[0]
        raise Invalid(f"{first['loc'][0]}: {first['msg']}", details={"parameter": str(first["loc"][0])}) from error
    return Wanted(parsed.attempt, parsed.after_chunk, parsed.stream, parsed.tail)
