"""The log of an execution that never ran, because an earlier run served for it: it is the log of that run."""

from __future__ import annotations

from dataclasses import replace

from gateway.stream.attempt_log import Sources
from gateway.stream.story import Story
from services.runtime.log import EventLog

LENDERS_MAX = 10
"""A run may serve that was served itself, when the first one's files are gone."""


async def lent(sources: Sources, events: EventLog, story: Story) -> Sources:
    """`sources` themselves; for a story that ended by reuse those of the run that served, whose attempts become the story's.

    Only what had ended by then: that run may have been retried since. Raises NotFound, Unavailable.
    """
    execution, until = story.reused_from, story.position
    if not execution or story.attempts:
        return sources
    for _ in range(LENDERS_MAX):
        lender = Story(events, sources.account, execution, until=until)
        await lender.begin()
        if not lender.reused_from:
            break
        execution = lender.reused_from
    story.attempts = {number: each for number, each in lender.attempts.items() if each.closed}
    return replace(sources, execution=execution)
