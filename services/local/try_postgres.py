"""Whether one can log in to a Postgres and make the schemas of the read models there.

`python -m services.local.try_postgres`, the DSN on stdin.
"""

from __future__ import annotations

import asyncio
import sys

from projections.database import Database

MAY_CREATE = "SELECT has_database_privilege(current_database(), 'CREATE'), current_user, current_database()"


async def trouble(dsn: str) -> str:
    """What stands in the way; empty when nothing does."""
    try:
        async with Database(dsn, connections_max=1) as database:
            row = await database.fetch_one(MAY_CREATE)
    except Exception as error:  # whatever a server or a DSN can come up with is said, not traced
        return str(error) or type(error).__name__
    if row and not row[0]:
        return f"the user may not create schemas there (GRANT CREATE ON DATABASE {row[2]} TO {row[1]})"
    return ""


if __name__ == "__main__":
    found = asyncio.run(trouble(sys.stdin.read().strip()))
    if found:
        sys.exit(found)
