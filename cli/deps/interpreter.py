"""Which Python or Node a run asks for: what it says it needs, held against what the nodes of the grid have."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable

from ..errors import UsageProblem
from ..terminal.screen import clean

LOWEST = (3, 11)
"""Older Pythons run no scripts on any node."""
NEWEST_MINOR = 30
SIMPLE = re.compile(r"\s*>=\s*3(?:\.(\d+))?(?:\.\d+)?\s*")
NAMED = re.compile(r"(python|node|sh)-?(\d+(?:\.\d+)?)?(?:\.\d+)?")


def named(runtime: str) -> tuple[str, str]:
    """`python3.12` as `python` and `3.12`. Raises UsageProblem when there is no such runtime."""
    found = NAMED.fullmatch(runtime.strip().lower())
    if found is None or (found[1] == "sh" and found[2]) or (found[1] == "python" and found[2] and "." not in found[2]):
        raise UsageProblem(
            f"There is no runtime {clean(runtime)!r}.",
            "The runtimes: python, node, sh; or one version: python3.12, node20",
        )
    version = found[2] or ""
    return found[1], version.partition(".")[0] if found[1] == "node" else version


def lowest(requires: str, chosen: str) -> str:
    """The oldest Python that a lock has to serve."""
    if chosen:
        return chosen
    floor = re.search(r">=\s*3\.(\d+)", requires)
    return f"3.{max(LOWEST[1], int(floor[1]) if floor else 0)}"


def always(requires: str) -> bool:
    """Whether every Python that a node can have will do."""
    simple = SIMPLE.fullmatch(requires) if requires.strip() else None
    return not requires.strip() or bool(simple and int(simple[1] or 0) <= LOWEST[1])


def fitting(requires: str, source: str) -> Callable[[str], bool]:
    """Whether `3.12` can satisfy `requires`, with some patch level. Raises UsageProblem for what is no specifier."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wanted = SpecifierSet(requires)
    except InvalidSpecifier:
        text = f"requires-python in {clean(source)} is {clean(requires)!r}, which is no range of versions."
        raise UsageProblem(text, 'It looks like: requires-python = ">=3.11"', code="NO_INTERPRETER") from None
    return lambda minor: any(wanted.contains(f"{minor}.{patch}", prereleases=True) for patch in (99, 0, *range(1, 30)))


def choose(requires: str, source: str, chosen: str, offered: Callable[[], Iterable[str]], alike: str = "") -> str:
    """The Python to ask for; empty where whatever a node prefers will do. `offered`: the `runtimes` of the nodes, asked
    only if need be. `alike`: the Python that the pins come from, better than others. Raises UsageProblem (NO_INTERPRETER)."""
    if not chosen and alike and alike != text_of(sys.version_info[:2]) and f"python{alike}" in offered():
        chosen = alike if always(requires) or fitting(requires, source)(alike) else ""
    if always(requires):
        return chosen
    fits = fitting(requires, source)
    if chosen:
        if not fits(chosen):
            text = f"{clean(source)} needs Python {clean(requires)}, and --runtime asks for {chosen}."
            raise UsageProblem(text, "Leave --runtime away, or correct one of them.", code="NO_INTERPRETER")
        return chosen
    have = sorted({minor for minor in map(minor_of, offered()) if minor})
    known = have or [(3, minor) for minor in range(LOWEST[1], NEWEST_MINOR)]
    good = [minor for minor in known if fits(text_of(minor))]
    if not good:
        there = ", ".join(map(text_of, have)) or "none from 3.11 on that fits"
        raise UsageProblem(
            f"{clean(source)} needs Python {clean(requires)}; the nodes have {there}.",
            f"Allow another one in {clean(source)}, or install such a Python on a node and name it in RGRID_PYTHONS.",
            code="NO_INTERPRETER",
        )
    if have and good == have:
        return ""
    own = sys.version_info[:2]
    return text_of(own if own in good else good[0])


def check_offered(runtime: str, version: str, offered: Iterable[str]) -> None:
    """Raise UsageProblem (NO_INTERPRETER) when none of the nodes has the version that was typed; where nobody can tell
    what they have, the grid will."""
    have = [each.removeprefix(runtime) for each in set(offered) if re.fullmatch(rf"{runtime}\d.*", each)]
    if not have or version in have:
        return
    have.sort(key=lambda each: [int(part) for part in re.findall(r"\d+", each)])
    name = {"python": "Python", "node": "Node"}.get(runtime, runtime)
    raise UsageProblem(
        f"No node has {name} {version}; the nodes have {', '.join(have)}.",
        f"Take one of them: --runtime {runtime}{have[-1]}      Or install it on a node (a Python: name it in RGRID_PYTHONS).",
        code="NO_INTERPRETER",
    )


def minor_of(runtime: str) -> tuple[int, int] | None:
    """(3, 12) of `python3.12`."""
    found = re.fullmatch(r"python(\d+)\.(\d+)", runtime)
    return (int(found[1]), int(found[2])) if found else None


def text_of(minor: tuple[int, int]) -> str:
    return f"{minor[0]}.{minor[1]}"
