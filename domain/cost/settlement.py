"""From the attempts of an execution to its bill."""

from __future__ import annotations

from domain.cost.commands import EstimateCost, FinalizeCost
from domain.cost.events import AttemptCharge
from domain.execution.job import Job
from domain.execution.state import Execution
from domain.prices import VERSION
from domain.pricing import equivalent_micros, run_micros

ASSUMED_SECONDS = 60.0
"""How long a script is taken to run that nobody has run before."""


def settle(execution: Execution) -> FinalizeCost:
    """The bill for every attempt that has ended."""
    charges = tuple(
        AttemptCharge(
            span.attempt,
            span.node_id,
            span.node_type,
            span.held_us,
            run_micros(span.node_type, span.held_us, *_share(execution.job)),
            equivalent_micros(span.held_us, *_share(execution.job)),
        )
        for span in execution.spans
    )
    return FinalizeCost(charges, VERSION)


def estimate(job: Job, node_type: str, history_seconds: float | None) -> EstimateCost:
    """What a run is expected to cost: by the median of earlier runs of this script, else by an assumption that it names."""
    if history_seconds is None:
        seconds, basis = (
            min(ASSUMED_SECONDS, job.limits.timeout_seconds),
            f"no earlier run of this script: {min(ASSUMED_SECONDS, job.limits.timeout_seconds):g} s assumed",
        )
    else:
        seconds, basis = history_seconds, "median of the earlier runs of this script"
    held_us = int(seconds * 1_000_000)
    estimated = run_micros(node_type, held_us, *_share(job))
    return EstimateCost(estimated, equivalent_micros(held_us, *_share(job)), seconds, basis, VERSION)


def estimate_reused() -> EstimateCost:
    """What a run costs for which an earlier one serves."""
    return EstimateCost(0, 0, 0.0, "nothing runs: an earlier run serves", VERSION)


def settle_reused() -> FinalizeCost:
    """Its bill."""
    return FinalizeCost((), VERSION)


def _share(job: Job | None) -> tuple[int, int]:
    return (job.limits.cpu_millis, job.limits.memory_bytes) if job else (0, 0)
