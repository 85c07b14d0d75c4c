"""`rgrid wait BATCH`: block until all members have ended."""

from __future__ import annotations

import time
from typing import Any

from ..errors import CliError
from ..options import emit
from ..wire.transport import Api
from .feed import Feed
from .outage import Once, Outage
from .summary import closing, exit_code, failing, next_after

LOOK_SECONDS = 0.2


def wait_batch(api: Api, doc: dict[str, Any], deadline: float | None, *, as_json: bool) -> int:
    """The exit code of the batch; raises CliError at the deadline (of the monotonic clock)."""
    feed = Feed(Once(api.grid), doc, Outage())
    feed.start()
    while feed.is_alive():
        feed.join(LOOK_SECONDS)
        if deadline is not None and time.monotonic() > deadline:
            feed.leave()
            raise CliError(f"{doc['id']} has not ended yet.", f"Wait on: rgrid wait {doc['id']}", code="WAIT_TIMED_OUT")
    if feed.problem:
        raise feed.problem
    if as_json:
        emit(feed.doc)
        return exit_code(feed.doc)
    closing(feed.doc)
    failing(feed.failures)
    next_after(feed.doc)
    return exit_code(feed.doc)
