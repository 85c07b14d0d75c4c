"""Money is whole micro-euros: 1 EUR = 1,000,000. Never a float."""

from __future__ import annotations

from collections.abc import Sequence

CURRENCY = "EUR"


def share(total_micros: int, weights: Sequence[int]) -> list[int]:
    """Split `total_micros` in proportion to `weights` so that the shares sum to it exactly.

    Largest remainder (Hamilton); ties go to the earlier share. With all weights zero the split is even.
    """
    if not weights:
        return []
    if total_micros < 0 or min(weights) < 0:
        raise ValueError("shares are of a total >= 0 by weights >= 0")
    weights = weights if any(weights) else [1] * len(weights)
    whole = sum(weights)
    shares = [total_micros * weight // whole for weight in weights]
    remainders = [total_micros * weight % whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-remainders[i], i))
    for i in by_remainder[: total_micros - sum(shares)]:
        shares[i] += 1
    return shares


def round_half_even(numerator: int, denominator: int) -> int:
    """`numerator / denominator` to the nearest whole number, halves to the even one; both >= 0, no float in between."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    return quotient + (twice > denominator or (twice == denominator and quotient % 2 == 1))
