"""The secrets of accounts, as the gateway writes them: sealed here, stored, then told to the log by name and version."""

from __future__ import annotations

from collections.abc import Sequence

from domain.account.commands import RemoveSecret, SetSecret
from domain.account.decider import Account, check_room
from domain.errors import Conflict, Invalid, NotFound
from domain.ids import id_from
from services.runtime.handle import Handled, Handler
from services.runtime.log import Ref
from services.runtime.sealing import Sealer, Unreadable
from services.runtime.secret_store import Kept, SecretStore

ATTEMPTS_MAX = 10


class Vault:
    """Set: stored first, then told; removed: told first. What the log says has a value. A repeat of either half does no harm."""

    def __init__(self, store: SecretStore, sealer: Sealer, handler: Handler) -> None:
        self._store, self._sealer, self._handler = store, sealer, handler

    async def set(self, account: str, name: str, value: bytes, actor: str) -> tuple[int, Handled]:
        """The version of the value, and what the log made of it; the value that it has already is not stored again.

        Raises WrongState (SECRETS_OFF, too many), Conflict, Unavailable.
        """
        self._sealer.check()
        for _ in range(ATTEMPTS_MAX):
            state = await self._account(account)
            check_room(state, name)
            kept = (await self._store.read(account, [name])).get(name)
            version, told = kept.sealed.version if kept else 0, state.secret_versions.get(name, 0)
            removed = name not in state.secrets and version <= told
            if kept is None or removed or not self._same(account, name, kept, value):
                version = max(version, told) + 1
                try:
                    sealed = self._sealer.seal(account, name, version, value)
                    await self._store.write(account, name, sealed, kept.sequence if kept else 0)
                except Conflict:
                    continue
            return version, await self._tell(account, SetSecret(name, version), actor)
        raise Conflict(f"The secret {name} changes too often.")

    async def remove(self, account: str, name: str, actor: str) -> Handled:
        """Told first: a name that stands in the log has a value. Raises NotFound, Unavailable.

        A value that is left, since this was cut off, is handed to nobody; the next `set` or `remove` takes it away.
        """
        state = await self._account(account)
        kept = (await self._store.read(account, [name])).get(name)
        version = max(kept.sealed.version if kept else 0, state.secrets.get(name, 0))
        try:
            done = await self._tell(account, RemoveSecret(name, version), actor)
        except NotFound:
            await self._forget(account, name, kept)
            raise
        await self._forget(account, name, kept)
        return done

    async def _forget(self, account: str, name: str, kept: Kept | None) -> None:
        """The value that was there; a later one stays."""
        if kept is not None:
            await self._store.remove(account, name, kept.sequence)

    async def versions(self, account: str, names: Sequence[str]) -> dict[str, int]:
        """The versions of the secrets that a run names. Raises Invalid (SECRET_UNKNOWN) when one does not exist."""
        if not names:
            return {}
        known = (await self._account(account)).secrets
        missing = [name for name in names if name not in known]
        if missing:
            first = missing[0]
            message = f"There is no secret {first}. Set it: rgrid secret set {first}"
            raise Invalid(message, code="SECRET_UNKNOWN", details={"secrets": missing})
        return {name: known[name] for name in names}

    def _same(self, account: str, name: str, kept: Kept, value: bytes) -> bool:
        """It has this value, under the key of today."""
        try:
            return kept.sealed.key == self._sealer.key and self._sealer.open(account, name, kept.sealed) == value
        except Unreadable:
            return False

    async def _account(self, account: str) -> Account:
        state: Account = (await self._handler.state(Ref(account, "account", account)))[0]
        if not state.opened:
            raise NotFound("There is no such account.")
        return state

    async def _tell(self, account: str, command: SetSecret | RemoveSecret, actor: str) -> Handled:
        id_ = id_from("cmd", type(command).__name__, account, command.name, str(command.version))
        return await self._handler.handle(Ref(account, "account", account), command, command_id=id_, actor=actor)
