"""All that is found out about a Python script without asking anybody: declaration or imports, modules of one's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..errors import UsageProblem
from ..job.block import block_of
from ..terminal.screen import clean
from .asked import Requirements
from .decision import ENVIRONMENT, Decision, decide
from .declared import Declared, declared
from .local import Followed, Follower
from .scan import NESTED, TOP
from .upward import shown

IMPORTS_MAX = 200
IMPORT_CHARS_MAX = 128


@dataclass(slots=True)
class Found:
    """`wanted`: what is to be locked, None where nothing is; `decision`: how imports were judged, when nothing is declared."""

    script: Path
    wanted: Declared | None = None
    decision: Decision | None = None
    followed: Followed = field(default_factory=Followed)
    requires_python: str = ""

    @property
    def preload(self) -> list[str]:
        """Foreign modules that are imported whenever the script starts: worth loading before it does."""
        names = {need.module for need in self.followed.needs if need.need == TOP and not need.unless}
        return sorted(name for name in names if len(name) <= IMPORT_CHARS_MAX)[:IMPORTS_MAX]


def found(script: Path, requirements: str = "", *, packages: bool = True, passing: bool = False) -> Found:
    """Look at `script`. Without `packages` only for modules of one's own; with `passing` modules that nobody knows are
    passed over. Raises UsageProblem."""
    made = Found(script)
    try:
        made.followed = Follower(script).follow()
    except SyntaxError:  # of a script for our Python it was told before
        made.followed.unread[script] = "it is written for a newer Python than this one, so its imports are not known"
    except (ValueError, RecursionError, OSError) as wrong:
        made.followed.unread[script] = str(wrong)
    if not packages:
        return made
    made.wanted = declared(script, requirements)
    if made.wanted is not None:
        made.requires_python = made.wanted.requires_python
        return made
    block = block_of(script)
    made.requires_python = str(block.get("requires-python", "")) if block else ""
    made.decision = decide(script, made.followed, passing=passing)
    if made.decision.picked:
        lines = [each.requirement for each in made.decision.picked]
        asked = Requirements(lines, made.decision.constraints)
        made.wanted = Declared(f"the imports of {script.name}", "requirements", script, asked)
    return made


def shadows(found: Found, locked: set[str]) -> bool:
    """Whether a module beside the script takes the place of one of Python's or of a `locked` package: then nothing may be
    loaded before the script is there."""
    import sys

    from .installed import normal
    from .known import packages_of

    for path, root in found.followed.files.items():
        name = path.relative_to(root).parts[0].partition(".")[0] if path.is_relative_to(root) else ""
        if name in sys.stdlib_module_names or {normal(each) for each in (name, *packages_of(name))} & locked:
            return True
    return False


def undeclared(found: Found, locked: set[str]) -> list[str]:
    """A line for each module that is imported while none of the packages that are known to bring it is `locked`."""
    from .installed import normal
    from .known import packages_of

    lines: dict[str, str] = {}
    for need in found.followed.needs:
        packages = packages_of(need.module)
        if packages and need.need >= NESTED and not need.unless and not {normal(each) for each in packages} & locked:
            lines.setdefault(
                packages[0],
                f"{shown(need.file)} imports {need.module} in line {need.line}, and {packages[0]} is not in it",
            )
    return list(lines.values())


def origins(decision: Decision) -> list[str]:
    """`pandas 2.2.1 from your environment (…)`, `yaml is PyYAML, by the table …`: one line for each source."""
    pinned = [each for each in decision.picked if each.origin == ENVIRONMENT]
    named = [each for each in decision.picked if each.origin != ENVIRONMENT]
    lines = []
    if pinned:
        names = ", ".join(each.requirement.replace("==", " ") for each in pinned)
        lines.append(f"{names} as in {decision.environment}")
    if named:
        lines.append(", ".join(each.requirement for each in named) + " by the table of well-known names, newest")
    lines += decision.notes
    return [clean(line) for line in lines]


def check_whole(found: Found) -> None:
    """Raise UsageProblem where the script draws in more modules of its own than can be meant."""
    if found.followed.truncated:
        raise UsageProblem(
            f"{clean(found.script)} leads to more than {len(found.followed.files):,} modules of yours.",
            "Make a package of them and name it in a requirements file.",
            code="TOO_MANY_FILES",
        )
