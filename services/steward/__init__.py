"""Writes the members of a batch into the log, and carries out on them what was decided about all of them at once.

What was decided about one batch is carried out in the order in which it stands in the log, one after the other.
"""

from __future__ import annotations

from domain.batch import events as b
from domain.batch.commands import ExpandBatch, StopBatch
from domain.cost.commands import EstimateCost, FinalizeCost
from domain.execution import commands as c
from services.runtime.service import Service
from services.steward.orders import Steward

_STEWARD = Steward()

SERVICE = Service(
    name="steward",
    consumes=(b.BatchSubmitted, b.BatchStopped, b.BatchCancelRequested, b.BatchRetried),
    sends=(
        ExpandBatch,
        StopBatch,
        c.SubmitExecution,
        c.ResolveExecution,
        EstimateCost,
        FinalizeCost,
        c.CancelExecution,
        c.RetryExecution,
    ),
    react=_STEWARD.react,
    start=_STEWARD.redrive,
)
