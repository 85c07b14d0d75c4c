"""What `rgrid run` does about packages: look, lock, and put it into the job that is submitted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import CliError
from ..job.inputs import Plan
from ..job.packages import Packages
from ..terminal.formats import count
from ..terminal.screen import clean, warn
from ..wire.blob import entry, of_bytes
from .found import Found, check_whole, found, origins, shadows, undeclared
from .installed import normal
from .interpreter import check_offered, choose, lowest
from .locking import Locked
from .newer import locked_from

SOURCE_CHARS_MAX = 200
PYTHON_LOCK = "requirements.lock"


def ready(
    script: Path, runtime: str, chosen: str, plan: Plan, options: dict[str, Any], api_url: str, looking: bool
) -> Packages:
    """Look at `script`; its own modules go into `plan`. `chosen`: the version typed. Raises CliError."""
    made = Packages()
    if chosen:
        if not options.get("image"):
            check_offered(runtime, chosen, offered(api_url, start=not looking))
        made.fields["interpreter"] = chosen
    if runtime == "python":
        python(made, script, chosen, plan, options, api_url, looking)
    elif runtime == "node":
        from .node.ready import node

        node(made, script, plan, packages=not options.get("no-deps"))
    for name in ("image", "cold"):
        if options.get(name):
            made.fields[name] = options[name]
    return made


def python(
    made: Packages, script: Path, chosen: str, plan: Plan, options: dict[str, Any], api_url: str, looking: bool
) -> None:
    """Modules of one's own, then packages."""
    packages = not options.get("no-deps")
    seen = found(script, str(options.get("requirements", "")) if packages else "", packages=packages)
    check_whole(seen)
    made.search = own_modules(made, seen, plan)
    for path, why in seen.followed.unread.items():
        warn(f"{clean(path.name)} goes along unread: {clean(why)}")
    interpreter = asked_python(made, seen, chosen, api_url, looking)
    if seen.decision:
        made.lines += [("packages", line) for line in origins(seen.decision)]
        if seen.decision.left_out:
            names = ", ".join(sorted({need.module for need in seen.decision.left_out}))
            made.lines.append(("left out", f"{clean(names)}: the script can do without, and you do not have it"))
    if seen.wanted is None:
        cold(made, seen, set())
        return
    for note in seen.wanted.asked.notes:
        warn(note)
    builds = bool(options.get("allow-builds"))
    thought = lowest(seen.requires_python, interpreter)
    answer, python = locked_from(seen.wanted, script, thought, builds=builds)
    if python != thought:
        made.lines.append(("python", f"its packages need {python} or newer"))
        seen.requires_python = ",".join(filter(None, [seen.requires_python, f">={python}"]))
        asked_python(made, seen, chosen, api_url, looking)
    put(made, seen, answer, builds)
    brought = {normal(pin.name) for pin in answer.lock.pins}
    cold(made, seen, brought)
    for line in undeclared(seen, brought) if not seen.decision else []:
        warn(f"{clean(seen.wanted.source)}: {clean(line)}")


def asked_python(made: Packages, seen: Found, chosen: str, api_url: str, looking: bool) -> str:
    """The version of Python to ask for, put into the job; empty where any will do. Raises UsageProblem."""
    source = seen.wanted.source if seen.wanted else f"the block in {seen.script.name}"
    alike = seen.decision.python if seen.decision else ""
    found = choose(seen.requires_python, source, chosen, lambda: offered(api_url, start=not looking), alike)
    if found:
        made.fields["interpreter"] = found
    return found


def cold(made: Packages, seen: Found, brought: set[str]) -> None:
    """A script that has modules in the place of others starts with nothing loaded."""
    if shadows(seen, brought):
        made.fields["cold"] = True


def put(made: Packages, seen: Found, answer: Locked, builds: bool) -> None:
    """The lock as a part of the job; an empty one is none."""
    assert seen.wanted is not None
    if not answer.lock.pins:
        return
    blob = of_bytes(answer.lock.text().encode())
    made.blobs.append(blob)
    made.fields["environment"] = {
        "kind": "python",
        "lock": entry(PYTHON_LOCK, blob, 0o644),
        "source": clean(seen.wanted.source)[:SOURCE_CHARS_MAX],
        "builds": builds,
        "imports": seen.preload,
    }
    made.count, made.known = answer.lock.packages, answer.known
    known = " (lock known)" if answer.known else ""
    made.words = f"{count(answer.lock.packages, 'package')} from {clean(seen.wanted.source)}{known}"


def own_modules(made: Packages, seen: Found, plan: Plan) -> list[str]:
    """Take the script's own modules along and say so; the folders that Python has to look into for them."""
    from .along import take_along

    fresh, search = take_along(plan, seen.script, seen.followed.files)
    if fresh:
        names = sorted({path.name if path.parent == root else path.relative_to(root).parts[0] + "/"
                        for path, root in seen.followed.files.items() if path.is_relative_to(root)})  # fmt: skip
        shown = ", ".join(clean(name) for name in names[:4]) + (", …" if len(names) > 4 else "")
        made.lines.append(("modules", f"{count(fresh, 'file')} of yours taken along: {shown}"))
    return search


def offered(api_url: str, *, start: bool) -> Iterable[str]:
    """The `runtimes` of the nodes that have joined; none while nobody can tell."""
    from ..wire.grid import find
    from ..wire.transport import Api

    try:
        nodes = Api(find(api_url, start=start)).get("/nodes")["items"]
    except CliError:
        return []
    return [each for node in nodes if node.get("status") == "joined" for each in node.get("runtimes") or ()]
