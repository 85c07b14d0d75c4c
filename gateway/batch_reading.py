"""What the routes about batches have in common: any form of an id, and the JSON of a batch however new it is."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Path

from domain.errors import NotFound
from domain.ids import ALPHABET, ID_CHARS
from gateway.auth import Caller
from gateway.parts import Parts
from gateway.reading import ID_PATTERN, WAIT_SECONDS_MAX
from services.runtime.log import Ref

FULL_BATCH_ID = re.compile(rf"^batch_[{ALPHABET}]{{{ID_CHARS}}}$")
ENDED = frozenset({"succeeded", "failed", "cancelled"})
"""How a batch stands whose members all have ended."""
BatchId = Annotated[
    str, Path(pattern=ID_PATTERN, description="The id, a unique prefix of it, or @last.", examples=["@last"])
]


async def resolved_batch(parts: Parts, caller: Caller, text: str) -> str:
    """The full id; one that is full already is not looked up, so it works before it is in the read model."""
    return text if FULL_BATCH_ID.match(text) else await parts.queries.resolve_batch_id(caller.account, text)


async def existing_batch(parts: Parts, caller: Caller, text: str) -> str:
    """The full id of a batch that the read model has, so that an empty list means that nothing is in it. Raises NotFound."""
    batch = await resolved_batch(parts, caller, text)
    await batch_document(parts, caller, batch)
    return batch


async def batch_document(parts: Parts, caller: Caller, batch: str) -> dict[str, Any]:
    """The batch's JSON; one that was submitted this very moment is waited for. Raises NotFound."""
    try:
        return await parts.queries.get_batch(caller.account, batch)
    except NotFound:
        if not (await parts.log.load(Ref(caller.account, "batch", batch))).position:
            raise
    await parts.queries.wait_for(await parts.log.last_position(), WAIT_SECONDS_MAX)
    return await parts.queries.get_batch(caller.account, batch)
