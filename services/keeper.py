"""Hands a runner the values of the secrets of an attempt whose lease its node holds, and of no others."""

from __future__ import annotations

import base64

from domain.execution.job import SecretRef
from domain.execution.state import Execution
from services.runtime.log import Ref
from services.runtime.messages import SECRETS_MAX, SecretsGiven, SecretsWanted
from services.runtime.nodes import answer_secrets
from services.runtime.sealing import Sealer, Unreadable
from services.runtime.secret_store import SecretStore
from services.runtime.service import Context, Service


class Keeper:
    def __init__(self, context: Context, store: SecretStore, sealer: Sealer) -> None:
        self._context, self._store, self._sealer = context, store, sealer

    async def answer(self, node_id: str, wanted: SecretsWanted) -> SecretsGiven:
        """Values by name, of today: a later one than the job says, where it was set again since.

        Or an error by code: STALE_LEASE, TOO_MANY, NOT_YOURS; SECRET_UNKNOWN (it was removed), SECRET_UNREADABLE (its key is
        lost); UNAVAILABLE (ask again).
        """
        if len(wanted.names) > SECRETS_MAX:
            return SecretsGiven(error="TOO_MANY", message=f"At most {SECRETS_MAX} secrets a request.")
        ref = Ref(wanted.account, "execution", wanted.execution)
        state = await self._held(ref, node_id, wanted.attempt)
        if state is None or state.job is None:
            return SecretsGiven(
                error="STALE_LEASE", message=f"{node_id} does not hold attempt {wanted.attempt} of {ref.id}."
            )
        refs = {each.name: each for each in state.job.secrets}
        strange = set(wanted.names) - refs.keys()
        if strange:
            return SecretsGiven(error="NOT_YOURS", message=f"{len(strange)} of these secrets are not part of this job.")
        return await self._values(wanted.account, [refs[name] for name in wanted.names])

    async def _values(self, account: str, refs: list[SecretRef]) -> SecretsGiven:
        known = (await self._context.load(Ref(account, "account", account)))[0].secrets
        kept = await self._store.read(account, [each.name for each in refs])
        values: dict[str, str] = {}
        for each in refs:
            found = kept.get(each.name)
            if each.name not in known or found is None or found.sealed.version < each.version:
                return _missing(each.name, each.name in known)
            try:
                value = self._sealer.open(account, each.name, found.sealed)
            except Unreadable as error:
                return SecretsGiven(error=error.code, message=error.message, name=each.name)
            values[each.name] = base64.b64encode(value).decode()
        return SecretsGiven(values)

    async def _held(self, ref: Ref, node_id: str, attempt: int) -> Execution | None:
        state: Execution = await self._context.state(ref)
        if not state.held_by(node_id, attempt):
            state, _ = await self._context.load(ref)
        return state if state.held_by(node_id, attempt) else None


def _missing(name: str, known: bool) -> SecretsGiven:
    """It was removed, whether or not its value is gone already; or the replica that answered is behind."""
    if known:
        return SecretsGiven(error="UNAVAILABLE", message=f"The value of {name} is not there yet.", name=name)
    return SecretsGiven(error="SECRET_UNKNOWN", message=f"The secret {name} was removed.", name=name)


async def run(context: Context) -> None:
    """Answer until cancelled."""
    keeper = Keeper(context, SecretStore(context.bus), Sealer(context.shell.settings))
    await answer_secrets(context.bus, keeper.answer)


SERVICE = Service(name="keeper", consumes=(), sends=(), start=run)
