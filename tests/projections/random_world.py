"""Anything that can happen, at random: to executions of a batch and by themselves, to batches, nodes and accounts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from domain.account import commands as account
from domain.batch import commands as b
from domain.batch.decider import Batch
from domain.batch.events import MemberList
from domain.cost.settlement import estimate, settle
from domain.environment import commands as env
from domain.environment.decider import environment_id
from domain.environment.events import Recipe
from domain.execution import commands as c
from domain.execution.events import Lookup, Reason, RefusedOutput
from domain.execution.state import Execution
from domain.files import FileRef
from domain.node import commands as node
from domain.node.offer import Offer
from services.runtime.log import Recorded, Ref
from tests.projections.histories import World

ACCOUNTS = ("local", "other")
NODES = ("local-1", "cloud-1")
NODE_TYPES = {"local-1": "local", "cloud-1": "cx23"}
TEXTS = ("", "x", "über\u0000null", "a b")
BATCHES = 2
"""Of each account; the others stand alone."""


class RandomWorld(World):
    """Members may come before their batch was submitted, and a batch may end before they do: sums must not mind."""

    def __init__(self, seed: int, executions: int = 8) -> None:
        super().__init__(seed)
        self.executions = [
            Ref(self.random.choice(ACCOUNTS), "execution", f"exec_{number:012d}") for number in range(executions)
        ]
        self.batches = {
            ref: Ref(ref.account, "batch", f"batch_{self.random.randrange(BATCHES):012d}")
            for ref in self.executions
            if self.random.random() < 0.7
        }

    def step(self) -> None:
        """Some command to somebody."""
        self.now_us += self.random.randrange(20_000_000)
        pick = self.random.random()
        if pick < 0.06:
            self._node()
        elif pick < 0.1:
            self._account()
        elif pick < 0.13:
            self._environment()
        elif pick < 0.23 and self.batches:
            self._batch(self.random.choice(list(self.batches.values())))
        else:
            ref = self.random.choice(self.executions)
            if pick < 0.38:
                self._cost(ref)
            else:
                self.send(ref, self._command(ref, self.states.get(ref, Execution())))

    def _command(self, ref: Ref, state: Execution) -> Any:
        """Mostly what fits, sometimes what does not."""
        attempt, node_id = state.attempt, state.node_id or self.random.choice(NODES)
        started_us = self.now_us - 5_000_000 if self.random.random() < 0.7 else None
        status = self.random.choice(("succeeded", "failed", "timed_out", "cancelled", "lost"))
        result = replace(
            self.result(status, started_us),
            outputs_refused=(RefusedOutput("../x", "outside"),) * self.random.randrange(3),
            exit_code=self.random.choice((None, 0, 7)),
        )
        tags = dict(self.random.sample((("k", "v"), ("k2", "v 2"), ("team", "x")), self.random.randrange(4)))
        name, project = self.random.choice(TEXTS), self.random.choice(("default", "p2"))
        return self.random.choice(
            (
                c.SubmitExecution(
                    self.job(), "f", name, project, tags, self.random.randrange(3), *self._membership(ref), memoize=True
                ),
                c.ResolveExecution(
                    *[Lookup("hit", "seen")] * 4, reuse=c.Reuse("exec_earlier", result), now_us=self.now_us
                ),
                c.ResolveExecution(Lookup("hit", "seen"), Lookup("miss", "none"), Lookup("miss", "new")),
                c.DelayExecution(Reason("WAITING_FOR_CPU", f"{self.random.randrange(2)}")),
                c.AssignExecution(attempt + 1, node_id, "i1", NODE_TYPES[node_id], self.now_us),
                c.StartExecution(attempt, node_id, self.now_us, "process"),
                c.FinishExecution(attempt, node_id, result, self.now_us),
                c.FinishExecution(attempt, node_id, result, self.now_us),
                c.LoseExecution(attempt, Reason("NODE_LOST", "It is gone."), self.now_us),
                *((c.CancelExecution("key:k1", self.now_us),) if self.random.random() < 0.3 else ()),
                c.RetryExecution("key:k1", self.random.choice((None, FileRef("src/mended.py", "99" * 32, 3)))),
                *((c.ExpireArtifacts(self.now_us),) if self.random.random() < 0.2 else ()),
            )
        )

    def _membership(self, ref: Ref) -> tuple[str, str]:
        return (self.batches[ref].id, f"folder/{ref.id}") if ref in self.batches else ("", "")

    def _batch(self, ref: Ref) -> None:
        state: Batch = self.states.get(ref, Batch())
        members = MemberList("12" * 32, 400, 3)
        script = self.random.choice((None, FileRef("src/mended.py", "99" * 32, 3)))
        self.send(
            ref,
            self.random.choice(
                (
                    b.SubmitBatch(members, self.job(), "f", "nightly", "p2", {"k": "v"}, 1, 2, 3),
                    b.ExpandBatch(3),
                    b.DelayBatch(Reason("NO_NODES", "None is there.")),
                    b.StopBatch(Reason("TOO_MANY_FAILED", "3 failed."), 3, state.round),
                    b.CancelBatch("key:k1"),
                    b.RetryBatch(("failed",), "key:k1", state.round, script),
                    b.FinishBatch({"succeeded": 3}, state.round),
                )
            ),
        )

    def _cost(self, ref: Ref) -> None:
        state: Execution = self.states.get(ref, Execution())
        bill = Ref(ref.account, "cost", ref.id)
        if state.job is not None:
            self.send(bill, settle(state) if state.phase == "finished" else estimate(state.job, "cx23", 2.5))

    def _node(self) -> None:
        node_id, incarnation = self.random.choice(NODES), f"i{self.random.randrange(3)}"
        commands = (
            node.JoinNode(
                incarnation, Offer(NODE_TYPES[node_id], 2000, 4 << 30, "process", ("python",), "1", {"a": "b"})
            ),
            node.LoseNode(incarnation, 35.5),
            node.LeaveNode(incarnation),
        )
        self.send(Ref("grid", "node", node_id), self.random.choice(commands))

    def _environment(self) -> None:
        recipe, node_id = Recipe("python", "77" * 32, self.random.choice(TEXTS)), self.random.choice(NODES)
        archive = self.random.choice((None, FileRef("environment.tar.zst", f"{self.random.randrange(3):064x}", 7)))
        commands = (
            env.RecordBuild(recipe, node_id, 6, 100, 1200, archive),
            env.RecordBuild(recipe, node_id, 6, 120, 1100, archive),
            env.RecordFetch(node_id, 100, 30),
            env.RecordDrop(node_id, "budget"),
            env.InvalidateEnvironment("key:k1", self.random.random() < 0.5),
        )
        ref = Ref(self.random.choice(ACCOUNTS), "environment", environment_id(recipe))
        self.send(ref, self.random.choice(commands))

    def _account(self) -> None:
        name, key = self.random.choice(ACCOUNTS), f"k{self.random.randrange(3)}"
        days, project = self.random.choice((1, 30, 90)), self.random.choice(("default", "p2", "nul\u0000"))
        commands = (
            account.OpenAccount(name),
            account.SetRetention(project, days),
            account.IssueKey(key, "ee" * 32, "lap\x00top"),
            account.RevokeKey(key),
            account.SetSecret("TOKEN", self.random.randrange(1, 20)),
            account.RemoveSecret("TOKEN", self.random.randrange(1, 20)),
        )
        self.send(Ref(name, "account", name), self.random.choice(commands))


def history(seed: int, steps: int = 200) -> list[Recorded]:
    world = RandomWorld(seed)
    for _ in range(steps):
        world.step()
    return world.log
