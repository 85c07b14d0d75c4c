"""Asks the control plane for the values of a job's secrets, when the attempt is about to start."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence

from domain.errors import StaleLease, Unavailable
from domain.execution.job import SecretRef
from domain.secret import VARIABLES_BYTES_MAX, checked_name
from services.runtime import subjects
from services.runtime.bus import Bus
from services.runtime.messages import SECRETS_MAX, RunWork, SecretsGiven, SecretsWanted
from services.runtime.plain import from_json, to_json

PATIENCE_SECONDS = 120.0
PAUSE_SECONDS_MAX = 5.0
ASK_SECONDS = 10.0
SET_AGAIN = "SECRET_UNKNOWN"
"""The one refusal that is the person's own to mend; what else the keeper says is the grid's."""
FINAL = (SET_AGAIN, "SECRET_UNREADABLE", "NOT_YOURS", "TOO_MANY", "INVALID_REQUEST", "WRONG_STATE")


class Withheld(Exception):
    """A secret cannot be had, and the run cannot begin without it. `status` is `failed` (the person's own to mend) or `lost`."""

    def __init__(self, message: str, hint: str, status: str = "failed") -> None:
        super().__init__(message)
        self.message, self.hint, self.status = message, hint, status


async def secret_values(
    bus: Bus, node_id: str, work: RunWork, patience_seconds: float = PATIENCE_SECONDS
) -> dict[str, bytes]:
    """Value by name, all of the job's. Raises Withheld, StaleLease."""
    names = [checked_name(each.name) for each in work.job.secrets]
    found: dict[str, bytes] = {}
    for at in range(0, len(names), SECRETS_MAX):
        found |= await _some(bus, node_id, work, names[at : at + SECRETS_MAX], patience_seconds)
    _check_variables(work.job.secrets, found)
    return found


async def _some(bus: Bus, node_id: str, work: RunWork, names: Sequence[str], patience: float) -> dict[str, bytes]:
    subject = subjects.ask_secrets(node_id, work.execution)
    wanted = to_json(SecretsWanted(work.account, work.execution, work.attempt, tuple(names)))
    waited, pause = 0.0, 0.05
    while True:
        try:
            given = _given(await bus.request(subject, wanted, ASK_SECONDS), names)
            if isinstance(given, dict):
                return given
            _check(given)
            problem = given.message or given.error
        except Unavailable as error:
            problem = error.message
        if waited >= patience:
            raise Withheld(problem, "Look at the grid with: rgrid doctor", "lost")
        await asyncio.sleep(pause)
        waited, pause = waited + pause, min(pause * 2, PAUSE_SECONDS_MAX)


def _given(data: bytes, names: Sequence[str]) -> dict[str, bytes] | SecretsGiven:
    """The values, or why there are none. What is wrong with the answer is said without it."""
    try:
        given = from_json(SecretsGiven, data)
        if given.error:
            return given
        return {name: base64.b64decode(given.values[name], validate=True) for name in names}
    except (ValueError, KeyError):
        return SecretsGiven(error="UNAVAILABLE", message="the answer of the keeper does not read as one")


def _check(given: SecretsGiven) -> None:
    """Raises what makes asking again useless."""
    if given.error == StaleLease.code:
        raise StaleLease(given.message)
    if given.error == SET_AGAIN:
        raise Withheld(given.message, f"Set it: rgrid secret set {given.name}      Then: rgrid retry ID")
    if given.error in FINAL:
        raise Withheld(given.message, "Set it again, or give the grid the key that it was sealed with.", "lost")


def _check_variables(secrets: Sequence[SecretRef], values: Mapping[str, bytes]) -> None:
    """Raises Withheld for what no variable can hold."""
    variables = [each.name for each in secrets if each.form == "env"]
    for name in variables:
        if b"\0" in values[name]:
            raise Withheld(f"The secret {name} has a zero byte in it.", f"Take it as a file: --secret {name}=file")
    size = sum(len(values[name]) for name in variables)
    if size > VARIABLES_BYTES_MAX:
        message = f"Its secrets have {size:,} bytes together, variables have room for {VARIABLES_BYTES_MAX:,}."
        raise Withheld(message, "Take the large ones as files: --secret NAME=file")
