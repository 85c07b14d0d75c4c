"""How a figure is printed: one aligned line with its baseline of the same run, its target, and whether it was met."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

NAME_WIDTH, MEASURED_WIDTH, BASELINE_WIDTH = 48, 26, 44


def figure(name: str, measured: str, *, baseline: str = "", target: str = "", met: bool | None = None) -> None:
    """`met` is None for what is only reported."""
    verdict = "" if met is None else "ok" if met else "MISSED"
    line = f"{name:{NAME_WIDTH}} {measured:>{MEASURED_WIDTH}}  {baseline:{BASELINE_WIDTH}} {target:18} {verdict}"
    print(line.rstrip(), flush=True)


def percentile(values: Sequence[float], percent: int) -> float:
    """The `percent`-th percentile (nearest rank interpolated) of at least two values."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms"
