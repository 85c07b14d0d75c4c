"""The values of secrets, sealed, in the stream SECRETS: one message for each; what comes later takes its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from domain.errors import Conflict
from services.runtime import subjects
from services.runtime.bus import ApiError, Bus
from services.runtime.direct import read_last
from services.runtime.plain import from_json, to_json
from services.runtime.publish import WRONG_LAST_SEQUENCE
from services.runtime.sealing import Sealed


@dataclass(frozen=True, slots=True)
class Kept:
    """A sealed value and the sequence of its message."""

    sealed: Sealed
    sequence: int


class SecretStore:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def read(self, account: str, names: Sequence[str]) -> dict[str, Kept]:
        """Those of `names` that have a value. Raises Unavailable."""
        if not names:
            return {}
        found = await read_last(self._bus, subjects.SECRETS, [subjects.secret(account, name) for name in names])
        return {each.subject.rpartition(".")[2]: Kept(_sealed(each.data), each.sequence) for each in found}

    async def write(self, account: str, name: str, sealed: Sealed, expected: int) -> None:
        """Keep it in place of the one at sequence `expected` (0: there was none). Raises Conflict, Unavailable."""
        headers = {"Nats-Expected-Last-Subject-Sequence": str(expected)}
        try:
            await self._bus.publish(subjects.secret(account, name), to_json(sealed), headers=headers)
        except ApiError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                raise Conflict(f"The secret {name} was changed at the same time.") from None
            raise

    async def remove(self, account: str, name: str, until: int) -> None:
        """Forget it, up to the message at sequence `until`: a later one stays. Raises Unavailable."""
        await self._bus.api(
            f"STREAM.PURGE.{subjects.SECRETS}", {"filter": subjects.secret(account, name), "seq": until + 1}
        )


NOTHING = Sealed(0, "", "")
"""Stands for what does not read as a sealed value: no key opens it, and the next one takes its place."""


def _sealed(data: bytes) -> Sealed:
    try:
        return from_json(Sealed, data)
    except ValueError:
        return NOTHING
