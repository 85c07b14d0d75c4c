"""What a person types for an id: all of it, a unique beginning, or `@last`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from domain.errors import Invalid, NotFound
from projections.database import Database

LAST = "@last"
PREFIX = re.compile(r"^[a-z0-9_]{1,64}$")


@dataclass(frozen=True, slots=True)
class IdKind:
    """Ids of one table: `prefix` is what all begin with, `order` the column that says which is the last."""

    table: str
    prefix: str
    order: str
    condition: str
    none: str
    unknown: str

    async def resolve(self, database: Database, account: str, text: str) -> str:
        """The id that `text` means. Raises NotFound, and Invalid (AMBIGUOUS_ID) for the beginning of several."""
        among = f"SELECT id FROM live.{self.table} WHERE account = $1 AND {self.condition}"
        if text == LAST:
            row = await database.fetch_one(f"{among} ORDER BY {self.order} DESC LIMIT 1", account)
            if row is None:
                raise NotFound(self.none, details={"id": text})
            return str(row[0])
        prefix = text.lower()
        prefix = prefix if prefix.startswith(self.prefix) else self.prefix + prefix
        if not PREFIX.match(prefix) or prefix == self.prefix:
            raise self.not_found(text)
        sql = f"{among} AND id >= $2 AND id < $3 ORDER BY id LIMIT 3"
        found = [row[0] for row in await database.fetch(sql, account, prefix, prefix + "\x7f")]
        if not found:
            raise self.not_found(text)
        if len(found) > 1 and found[0] != prefix:
            message = f"{text!r} is the beginning of several ids. Type more of it."
            raise Invalid(message, code="AMBIGUOUS_ID", details={"id": text, "matches": found})
        return str(found[0])

    def not_found(self, text: str) -> NotFound:
        return NotFound(self.unknown.format(repr(text[:80])), details={"id": text[:80]})


EXECUTION_IDS = IdKind(
    "executions",
    "exec_",
    "sequence",
    "true",
    "There is no execution yet. Start one: rgrid run SCRIPT",
    "There is no execution {}. List them with: rgrid ps",
)
BATCH_IDS = IdKind(
    "batches",
    "batch_",
    "submitted_sequence",
    "phase <> ''",
    'There is no batch yet. Start one: rgrid run SCRIPT --batch "inputs/*"',
    "There is no batch {}. List what ran with: rgrid ps",
)
ENVIRONMENT_IDS = IdKind(
    "environments",
    "env_",
    "NOT released DESC, sequence",
    "true",
    "No environment has been built yet.",
    "There is no environment {}. List them with: rgrid cache ls",
)
