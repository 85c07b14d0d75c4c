"""What kept an attempt from coming to an end of its own, as the status and the reason that it ends with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from domain.errors import Invalid, Unavailable
from domain.execution.events import Reason
from services.runner import explain
from services.runner.disk import DiskFull
from services.runner.download import Damaged
from services.runner.environments.failures import Unbuildable, Unbuilt
from services.runner.interpreters import NotHere
from services.runner.sandbox.box import ImageRefused, StartFailed
from services.runner.secret_values import Withheld
from services.runner.stage import Unfit

log = logging.getLogger("rgrid.runner")

Told = tuple[str, Reason]
TABLE: tuple[tuple[type[BaseException], Callable[[Any], Told]], ...] = (
    (Withheld, lambda error: (error.status, explain.secret_unavailable(error.message, error.hint))),
    (Unfit, lambda error: ("failed", explain.input_damaged(error.message))),
    (Unbuildable, lambda error: ("failed", explain.environment_failed(error.message, error.hint))),
    (Unbuilt, lambda error: ("lost", explain.environment_unavailable(error.message))),
    (NotHere, lambda error: ("lost", explain.interpreter_gone(str(error)))),
    (Damaged, lambda error: ("lost", explain.input_damaged(error.message))),
    (Invalid, lambda error: ("lost", explain.input_unavailable(error.message))),
    (Unavailable, lambda error: ("lost", explain.input_unavailable(error.message))),
    (DiskFull, lambda error: ("lost", explain.node_disk_full(str(error)))),
    (
        ImageRefused,
        lambda error: ("failed" if error.final else "lost", Reason(error.code, error.message, error.hint)),
    ),
    (StartFailed, lambda error: ("lost", explain.start_failed(str(error)))),
    (OSError, lambda error: ("lost", explain.node_failed(str(error)))),
)
"""The first that fits says it. `failed` is the script's own affair, `lost` the platform's, which tries again."""


def told(execution: str, attempt: int, error: Exception) -> Told:
    """The end of an attempt that `error` ended; what nobody expected goes to the node's log with all there is to know."""
    for kind, tell in TABLE:
        if isinstance(error, kind):
            log.info("%s attempt %s: %s: %s", execution, attempt, type(error).__name__, error)
            return tell(error)
    log.error("%s attempt %s", execution, attempt, exc_info=error)
    return "lost", explain.runner_failed(f"{type(error).__name__}: {error}")
