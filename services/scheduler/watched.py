"""One batch as the scheduler watches it: how many may run, whether any may start, and how its members have ended.

Nothing here is counted up and down: how a member ended stands beside its id, and is gone when it goes again.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from sys import intern

from domain.batch import events as e
from domain.batch.commands import FinishBatch, StopBatch
from domain.batch.decider import FAILURES, INITIAL, Batch, evolve
from domain.batch.halting import Back, may_start
from domain.execution.events import Reason
from services.runtime.log import Recorded, Ref


@dataclass(slots=True)
class Watched:
    """A batch as of `position`. `began`: the commit that began its round; `halted_at`: the one that halted it last.

    `ended`: how its members ended that have, once it is `complete`; `failed`: who did so badly in this round.
    """

    ref: Ref
    state: Batch = INITIAL
    position: int = 0
    began: int = 0
    halted_at: int = 0
    complete: bool = False
    damaged: bool = False
    ended: dict[str, str] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def apply(self, recorded: Recorded) -> None:
        """Fold one commit that follows `position`."""
        self.position = recorded.position
        for event in recorded.commit.events:
            self.state = replace(evolve(self.state, event), job=None)
            match event:
                case e.BatchSubmitted():
                    self.complete = True
                case e.BatchRetried():
                    self.began = recorded.position
                    self.failed.clear()
                case e.BatchStopped() | e.BatchCancelRequested():
                    self.halted_at = recorded.position
                case e.BatchFinished():
                    self.complete = False
                    self.ended.clear()
                    self.failed.clear()

    def end(self, id: str, status: str, position: int) -> None:
        """This member has ended."""
        self.ended[id] = intern(status)
        if status in FAILURES and position > self.began:
            self.failed.add(id)

    def reopen(self, id: str) -> None:
        """This member is there, and has not ended (any more)."""
        self.ended.pop(id, None)
        self.failed.discard(id)

    @property
    def incomplete(self) -> bool:
        """It goes on, and how some of its members ended is not known here: it was retried after its end."""
        return not self.complete and not self.damaged and self.state.phase not in ("new", "finished")

    @property
    def over(self) -> bool:
        """So many have failed that it is to be stopped, and the log does not say so yet."""
        enough = 0 < self.state.failures_max <= len(self.failed)
        return enough and not self.state.halted and self.state.phase != "finished"

    @property
    def startable(self) -> bool:
        """Whether whoever waits of it may start. Once it has finished, those that a person retries by themselves do."""
        if self.damaged or self.over:
            return False
        return not self.state.halted or self.state.phase == "finished"

    def starts(self, back: Back) -> bool:
        """Whether a member that came `back` to the queue then may start. Of a batch that was halted some do; the others
        are cancelled by the steward (docs/decisions/0013)."""
        if self.startable:
            return True
        return not self.damaged and self.state.halted and may_start(self.state.cancelling, self.halted_at, back)

    def due(self) -> StopBatch | FinishBatch | None:
        """What is to be said of it now."""
        state = self.state
        if state.phase == "open" and self.complete and len(self.ended) == state.count:
            return FinishBatch(dict(sorted(Counter(self.ended.values()).items())), state.round)
        if self.over:
            return StopBatch(_enough(len(self.failed), state.failures_max), len(self.failed), state.round)
        return None


def _enough(failures: int, failures_max: int) -> Reason:
    if failures_max == 1:
        return Reason("FAILURES_MAX", "A member failed, and it was asked to stop at the first failure.")
    return Reason("FAILURES_MAX", f"{failures} members failed, and it was asked to stop at {failures_max}.")
