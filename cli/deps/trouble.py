"""What uv's complaint means for the person: a name that is not there, a conflict, no wheel, no network."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import CliError, UsageProblem
from ..terminal.screen import clean, typed
from .known import near
from .sound import hidden

LINES_MAX = 6
NOT_THERE = re.compile(
    r"Because (?:there are no versions of )?([A-Za-z0-9._-]+) was not found in the|no versions of (\S+) and"
)
NO_VERSION = re.compile(r"(?:there is no version of|no version of) (\S+?)(?: and|,|$)")
NO_WHEEL = re.compile(
    r"(?:Because |And because )?(\S+?) has no (?:usable wheels|wheels)|Wheels are required for `([^`]+)`"
)
NETWORK = re.compile(
    r"error sending request|Failed to fetch|dns error|tcp connect error|network connectivity|Could not connect|timed out|"
    r"invalid peer certificate|HTTP status|\bstatus code\b",
    re.IGNORECASE,
)
PARSE = re.compile(r"Couldn't parse requirement|Failed to parse|not a valid|invalid", re.IGNORECASE)


def trouble(said: str, source: str, script: Path | str) -> CliError:
    """The error of ours for what uv `said` about the packages of `source`."""
    text = "\n".join(line.rstrip() for line in hidden(said).splitlines() if line.strip())
    source, script = clean(source), typed(script)
    unsolved = "No solution found" in text
    if unsolved and (missing := NOT_THERE.search(text)):
        return unknown_package((missing[1] or missing[2]).split("==")[0], source)
    if unsolved and (wheel := NO_WHEEL.search(text)):
        return no_wheels(wheel[1] or wheel[2], source, script)
    if unsolved and (lacking := NO_VERSION.search(text)):
        hint = f"Correct the version in {source}, or leave it away and the newest that fits is taken."
        return UsageProblem(
            f"The index has no {clean(lacking[1])}, which {source} asks for.", hint, code="UNKNOWN_PACKAGE"
        )
    if unsolved:
        reason = "\n".join(essential(text))
        hint = f"{reason}\nLoosen one of these in {source}; all that is asked for: rgrid deps show {script}"
        return UsageProblem(f"The packages of {source} contradict each other.", hint, code="PACKAGE_CONFLICT")
    if NETWORK.search(text):
        return unreachable(text)
    if PARSE.search(text):
        return UsageProblem(
            f"{source} asks for something that is no package: {clean(first(text))}",
            "\n".join(clean(line) for line in text.splitlines()[1:LINES_MAX]),
            code="REQUIREMENTS_INVALID",
        )
    return CliError(
        f"uv could not lock the packages of {source}: {clean(first(text))}",
        "\n".join(clean(line) for line in text.splitlines()[1:LINES_MAX]),
        code="LOCK_FAILED",
    )


def newer_python(problem: CliError) -> str:
    """`3.12`: the Python that the packages would need; empty when that is not the trouble."""
    found = [int(minor) for minor in re.findall(r"does not satisfy Python>=3\.(\d+)", problem.hint)]
    return f"3.{max(found)}" if found else ""


def unknown_package(name: str, source: str) -> UsageProblem:
    meant = near(name)
    guess = f"Did you mean {meant}? " if meant else ""
    return UsageProblem(
        f"There is no package called {clean(name)} on the index; {source} asks for it.",
        f"{guess}Correct the name there. A package of an index of your own: export UV_INDEX=… (on the nodes too)",
        code="UNKNOWN_PACKAGE",
    )


def no_wheels(name: str, source: str, script: str) -> UsageProblem:
    return UsageProblem(
        f"{clean(name)} comes without a wheel that fits, so its own code would have to run to build it.",
        f"If you trust it: rgrid run --allow-builds {script}      Or ask for a version with wheels in {source}.",
        code="NO_WHEELS",
    )


def unreachable(text: str) -> CliError:
    """No index answers; pip's own settings are not uv's."""
    hint = "Try again when the network is there; a lock that was made before is used without it."
    ours = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX")
    if os.environ.get("PIP_INDEX_URL") and not any(os.environ.get(name) for name in ours):
        hint += "\nYou set PIP_INDEX_URL, which uv does not read: export UV_DEFAULT_INDEX=$PIP_INDEX_URL"
    causes = [line.strip().removeprefix("cause: ") for line in text.splitlines() if "cause:" in line]
    reason = causes[-1] if causes else first(text)
    return CliError(f"No package index answers ({clean(reason)}).", hint, code="INDEX_UNREACHABLE")


def first(text: str) -> str:
    return (text.splitlines() or ["it said nothing"])[0].removeprefix("error: ").strip()


def essential(text: str) -> list[str]:
    """The lines that say who asks for what."""
    lines = [line.strip().removeprefix("cause: ") for line in text.splitlines()[1:]]
    kept = [clean(line) for line in lines if line and not line.startswith("hint:")]
    return kept[:LINES_MAX] + (["…"] if len(kept) > LINES_MAX else [])
