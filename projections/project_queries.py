"""What people ask about their projects: which there are, and how long each keeps its files."""

from __future__ import annotations

from dataclasses import dataclass

from domain.retention import DAYS_DEFAULT
from projections.grid_queries import GridQueries
from projections.table import plain_text

PROJECTS_MAX = 10_000
_NAMES = """WITH RECURSIVE used(project) AS (
    (SELECT project FROM live.executions WHERE account = $1 ORDER BY project LIMIT 1)
    UNION ALL
    SELECT (SELECT e.project FROM live.executions e WHERE e.account = $1 AND e.project > used.project
            ORDER BY e.project LIMIT 1)
    FROM used WHERE used.project IS NOT NULL)
    SELECT project FROM used WHERE project IS NOT NULL
    UNION SELECT project FROM live.retentions WHERE account = $1"""
"""From one project to the next by the index: there may be a million executions in three projects."""


@dataclass(frozen=True, slots=True)
class Project:
    """`days`: how long its files are kept; `said`: somebody said so, it is not the default."""

    name: str
    days: int
    said: bool


class ProjectQueries(GridQueries):
    """Of one account."""

    async def projects(self, account: str) -> list[Project]:
        """Every project that something ran in or that somebody said something about, by name (the first PROJECTS_MAX)."""
        sql = f"""SELECT names.project, r.days FROM ({_NAMES}) names
                  LEFT JOIN live.retentions r ON r.account = $1 AND r.project = names.project
                  ORDER BY 1 LIMIT {PROJECTS_MAX}"""
        return [_project(*row) for row in await self._database.fetch(sql, account)]

    async def project(self, account: str, name: str) -> Project:
        """One of them, whether anything ran in it or not."""
        sql = "SELECT days FROM live.retentions WHERE account = $1 AND project = $2"
        row = await self._database.fetch_one(sql, account, plain_text(name))
        return _project(name, row[0] if row else None)


def _project(name: str, days: int | None) -> Project:
    return Project(name, DAYS_DEFAULT if days is None else days, days is not None)
