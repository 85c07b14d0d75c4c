"""What an attempt needs of packages, and what it holds once they are there."""

from __future__ import annotations

from dataclasses import dataclass

from domain.environment.decider import environment_id, recipe_of
from domain.environment.events import Recipe
from domain.execution.job import Environment
from services.runner.interpreters import Interpreter
from services.runtime.messages import EnvironmentFact, RunWork

BUILT, FETCHED, FOUND, DROPPED = "built", "fetched", "found", "dropped"
"""How an environment came to be there; `found` is never reported."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The environment of one attempt."""

    id: str
    recipe: Recipe
    packages: Environment
    interpreter: Interpreter
    work: RunWork

    @classmethod
    def of(cls, work: RunWork, packages: Environment, interpreter: Interpreter) -> Wanted:
        recipe = recipe_of(packages, interpreter.target)
        return cls(environment_id(recipe), recipe, packages, interpreter, work)

    def fact(self, event: str) -> EnvironmentFact:
        work = self.work
        return EnvironmentFact(work.account, work.execution, work.attempt, self.id, self.recipe, event)
