"""`rgrid deps`: what a script needs, where that was found, and how to write it into the script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from .errors import UsageProblem
from .job.script import checked
from .options import AS_JSON, emit, example
from .terminal.formats import count
from .terminal.screen import clean, detail, following, state, typed, warn

SCRIPT = click.argument("script")
REQUIREMENTS = click.option("--requirements", metavar="FILE", default="", help="The file that declares the packages.")
BUILDS = click.option(
    "--allow-builds", is_flag=True, help="Take packages without a wheel too; locking may run their code."
)


@click.group(
    epilog=example("rgrid deps show train.py", "rgrid deps add train.py requests", "rgrid deps write train.py")
)
def command() -> None:
    """Show what a script needs and why, or write it into the script."""


@command.command(epilog=example("rgrid deps show train.py", "rgrid deps show train.py --renew"))
@SCRIPT
@REQUIREMENTS
@BUILDS
@click.option("--renew", is_flag=True, help="Lock anew: the newest versions that fit.")
@AS_JSON
def show(script: str, requirements: str, allow_builds: bool, renew: bool, as_json: bool) -> int:
    """Print what was found where and why, and the pins that a run would get."""
    from .deps.report import node_report, print_report, python_report

    path, runtime = checked(script, "")
    if runtime == "sh":
        raise UsageProblem(f"{clean(path)} is a shell script: it has no packages.", "Run it: rgrid run SCRIPT")
    made = (
        python_report(path, requirements, builds=allow_builds, renew=renew, telling=not as_json)
        if runtime == "python"
        else node_report(path)
    )
    if as_json:
        emit(made)
        return 0
    print_report(made)
    following(f"rgrid run {typed(path)}")
    return 0


@command.command(epilog=example("rgrid deps add train.py requests 'pandas>=2'"))
@SCRIPT
@click.argument("packages", nargs=-1, required=True, metavar="PACKAGE...")
@AS_JSON
def add(script: str, packages: tuple[str, ...], as_json: bool) -> int:
    """Put PACKAGEs into the block at the top of SCRIPT (PEP 723); all else of it stays as it is.

    A script whose packages were found by its imports gets those into its new block as well: a block is the whole list.
    """
    from .deps.edit import edit
    from .deps.sound import checked as sound

    path = python_script(script)
    wanted = [requirement(each) for each in sound(list(packages), "the command line")]
    taken = detected(path, wanted)
    changed = edit(path, [*taken, *wanted])
    return told(path, [*taken, *wanted], changed, as_json, taken)


@command.command(epilog=example("rgrid deps write train.py"))
@SCRIPT
@AS_JSON
def write(script: str, as_json: bool) -> int:
    """Write what was detected, pinned, into the block at the top of SCRIPT, so that every machine runs the same."""
    from .deps.edit import edit
    from .deps.found import found
    from .deps.interpreter import lowest
    from .deps.newer import locked_from

    path = python_script(script)
    seen = found(path)
    if seen.wanted is None:
        return told(path, [], False, as_json)
    lock = locked_from(seen.wanted, path, lowest(seen.requires_python, ""))[0].lock
    wanted = [f"{pin.name}=={pin.version}" + (f" ; {pin.marker}" if pin.marker else "") for pin in lock.pins]
    return told(path, wanted, edit(path, wanted) if wanted else False, as_json)


def detected(path: Path, wanted: list[str]) -> list[str]:
    """The requirements that a run of the script would find by its imports, which a block in it would hide; without
    those of the packages that are `wanted`. Modules that nobody knows are what the wanted ones may be for."""
    from .deps.edit import name_of
    from .deps.found import found
    from .job.block import block_of

    block = block_of(path)
    if block and "dependencies" in block:
        return []
    try:
        seen = found(path, passing=True)
    except UsageProblem:  # of a declaration elsewhere, which the block is written in place of
        return []
    if seen.decision is None:
        source = seen.wanted.source if seen.wanted else ""
        warn(f"The block counts from now on, {clean(source)} does not: add what the script needs of that as well.")
        return []
    names = {name_of(each) for each in wanted}
    return [each.requirement for each in seen.decision.picked if name_of(each.package) not in names]


def python_script(script: str) -> Path:
    path, runtime = checked(script, "")
    if runtime != "python":
        raise UsageProblem(
            f"{clean(path)} is no Python script.", "A Node project declares its packages itself: npm install PACKAGE"
        )
    return path


def requirement(text: str) -> str:
    """`text` as it stands, if it is a requirement. Raises UsageProblem."""
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        Requirement(text)
    except InvalidRequirement as wrong:
        reason = str(wrong).splitlines()[0]
        raise UsageProblem(
            f"{clean(text)!r} is no package: {clean(reason)}.", "Such as: requests, or 'pandas>=2'"
        ) from None
    return text


def told(path: Path, packages: list[str], changed: bool, as_json: bool, taken: Sequence[str] = ()) -> int:
    """Say what was written; `taken`: what was found by imports and went along."""
    if as_json:
        emit({"script": str(path), "packages": packages, "changed": changed})
        return 0
    said = "" if packages else "nothing to write: it needs no packages"
    said = said or (
        f"{count(len(packages), 'package')} in the block of {clean(path)}" if changed else "it stood there already"
    )
    state("good", "written" if changed else "unchanged", said)
    if taken:
        detail("along", f"{clean(', '.join(taken))}: found by its imports until now, and a block is the whole list")
    following(f"rgrid run {typed(path)}")
    return 0
