"""What people ask about their secrets: which there are."""

from __future__ import annotations

from dataclasses import dataclass

from projections.project_queries import ProjectQueries


@dataclass(frozen=True, slots=True)
class SecretRow:
    """`set_by` is who set it last, as the log names them: `key:9f2c81aa`."""

    name: str
    version: int
    set_at_us: int
    set_by: str


class SecretQueries(ProjectQueries):
    """Of one account."""

    async def secrets(self, account: str) -> list[SecretRow]:
        """Those that have a value, by name."""
        sql = """SELECT name, version, set_at_us, set_by FROM live.secrets
                 WHERE account = $1 AND removed_at_us IS NULL ORDER BY name"""
        return [SecretRow(*row) for row in await self._database.fetch(sql, account)]
