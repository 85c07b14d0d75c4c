"""How fast members end, and how long the rest will take: a range, because the next ones may be slower."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 60.0
"""What is measured: long enough to be steady, short enough to notice that the inputs became larger."""
SURE_AFTER = 3
"""So few ends say nothing about the next ones."""
SPREAD_MAX = 0.75


class Pace:
    """Fed with (seconds, members ended so far); times are of one monotonic clock."""

    def __init__(self) -> None:
        self.seen: deque[tuple[float, int]] = deque()

    def note(self, now: float, ended: int) -> None:
        """Members can be retried: when fewer have ended than before, it counts anew."""
        if self.seen and ended < self.seen[-1][1]:
            self.seen.clear()
        self.seen.append((now, ended))
        while len(self.seen) > 2 and now - self.seen[1][0] > WINDOW_SECONDS:
            self.seen.popleft()

    def rate(self, now: float) -> float:
        """Ends per second, lately; 0 when nothing ended yet."""
        if not self.seen or now <= self.seen[0][0]:
            return 0.0
        return self.newly() / (now - self.seen[0][0])

    def newly(self) -> int:
        """How many ends the rate stands on."""
        return self.seen[-1][1] - self.seen[0][1] if self.seen else 0

    def left(self, now: float, remaining: int) -> tuple[float, float, float] | None:
        """Seconds that `remaining` members will take: at least, likely, at most. None: nobody can know yet.

        The spread is that of a count: two standard deviations of a Poisson process, which is what ends of independent
        runs are close to.
        """
        rate = self.rate(now)
        if not rate or self.newly() < SURE_AFTER:
            return None
        spread = min(SPREAD_MAX, 2 / self.newly() ** 0.5)
        likely = remaining / rate
        return likely / (1 + spread), likely, likely / (1 - spread)
