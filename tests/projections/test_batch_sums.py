"""Laws of a batch's row: it says what a GROUP BY over its members says, however the log was cut up."""

from __future__ import annotations

import asyncio
import random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections import batch_doc
from projections.database import Database
from projections.store import Projector
from tests.projections.conftest import no_poison
from tests.projections.random_world import history

GROUPED = f"""
    SELECT e.account, e.batch_id AS id, count(*)::int AS members,
           {", ".join(f"count(*) FILTER (WHERE e.status = '{status}')::int AS {status}" for status in batch_doc.STATUSES)},
           count(*) FILTER (WHERE doc->>'reused_from' IS NOT NULL) AS reused,
           count(*) FILTER (WHERE (doc->>'artifacts_expired')::bool) AS expired,
           coalesce(sum((doc->'usage'->>'cpu_ms')::bigint), 0)::bigint AS cpu_ms,
           coalesce(sum((doc->>'duration_ms')::bigint), 0)::bigint AS run_ms,
           coalesce(sum((doc->'cost'->>'estimated_micros')::bigint), 0)::bigint AS estimated_micros,
           coalesce(sum((doc->'cost'->>'charged_micros')::bigint), 0)::bigint AS charged_micros,
           coalesce(sum((SELECT sum((a->>'held_us')::bigint) FROM jsonb_array_elements(doc->'attempts') a)), 0)::bigint
               AS held_us,
           coalesce(sum((doc->'outputs'->>'count')::bigint), 0)::bigint AS outputs_count,
           coalesce(sum((doc->'outputs'->>'size_bytes')::bigint), 0)::bigint AS outputs_bytes,
           coalesce(sum((doc->>'outputs_refused_count')::bigint), 0)::bigint AS outputs_refused,
           min(first_started_us) AS started_at_us
    FROM (SELECT *, replace(doc, '\\u0000', '')::jsonb AS json FROM live.executions WHERE batch_id IS NOT NULL) e
    GROUP BY 1, 2 ORDER BY 1, 2""".replace("doc->", "e.json->")

NUMBERED = """SELECT member_index, row_number() OVER (PARTITION BY account, batch_id ORDER BY sequence) - 1
              FROM live.executions WHERE batch_id IS NOT NULL"""

HOLDERS = """
    SELECT account, sha256, count(*) FROM (
        SELECT account, id, split_part(reference, ':', 1 + strpos(reference, ':')::bool::int) AS sha256
        FROM (SELECT account, id, unnest(blobs) AS reference FROM live.executions WHERE NOT released
              UNION ALL
              SELECT account, id, unnest(blobs) FROM live.batches WHERE NOT released
              UNION ALL
              SELECT account, id, unnest(blobs) FROM live.environments WHERE NOT released) r
        GROUP BY 1, 2, 3) held
    GROUP BY 1, 2 ORDER BY 1, 2""".replace("strpos(reference, ':')::bool::int", "(strpos(reference, ':') > 0)::int")


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**9))
def test_sums_are_those_of_the_members(postgres_server: Any, seed: int) -> None:
    dsn = postgres_server.create_database()

    async def run() -> None:
        chooser, log, at = random.Random(seed), history(seed, 300), 0
        async with Database(dsn) as database:
            projector = Projector(database, no_poison)
            while at < len(log):
                size = chooser.choice((1, 5, 60))
                await projector.apply(log[at : at + size])
                at += size
            grouped = await database.fetch(GROUPED)
            names = ", ".join(grouped[0].keys()) if grouped else "account"
            sums = f"SELECT {names} FROM live.batches WHERE members > 0 ORDER BY account, id"
            assert [dict(row) for row in await database.fetch(sums)] == [dict(row) for row in grouped]
            assert all(row[0] == row[1] for row in await database.fetch(NUMBERED))
            held = "SELECT account, sha256, holders FROM live.blobs WHERE holders <> 0 ORDER BY 1, 2"
            assert await database.fetch(held) == await database.fetch(HOLDERS)

    try:
        asyncio.run(run())
    finally:
        postgres_server.drop_database(dsn)
