"""Which program runs a job: one of the node's own, or one in the image that the person asked for."""

from __future__ import annotations

from domain.execution.job import Job
from services.runner.interpreters import Interpreter, NotHere, pick, runtimes, targets
from services.runner.sandbox.box import ImageRefused, Sandbox, TakesImages


async def picked(sandbox: Sandbox, job: Job) -> Interpreter:
    """Raises ImageRefused, and NotHere for a runtime that is not here."""
    if not job.image:
        return pick(sandbox.interpreters, job.runtime, job.interpreter)
    if not isinstance(sandbox, TakesImages):
        message = f"It wants to run in the image {job.image}, and its node runs no containers."
        raise ImageRefused("IMAGE_UNFIT", message, "Start the runner with RGRID_SANDBOX=docker.", final=False)
    inside = await sandbox.interpreters_in(job.image)
    try:
        found = pick(inside, job.runtime, job.interpreter)
    except NotHere:
        there = ", ".join(runtimes(inside)) or "nothing that runs scripts"
        message = f"The image {job.image} has no {job.needs}; it has: {there}."
        raise ImageRefused("IMAGE_UNFIT", message, "Use an image that has it, or one of another version.") from None
    if job.environment is not None and found.target not in targets(sandbox.interpreters):
        message = f"Its packages are made for the images of the node, and {job.image} is another one."
        raise ImageRefused(
            "IMAGE_UNFIT", message, "Put the packages into the image, and run it without an environment."
        )
    return found
