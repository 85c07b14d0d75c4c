"""Settings of a run: flag > RGRID_* > the script's PEP 723 block > project file > the person's own config.toml."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import UsageProblem
from ..terminal.screen import clean, typed, warn
from ..wire.grid import home
from .block import block_of

SCALARS: tuple[str, ...] = ("output", "runtime", "cpu", "memory", "disk", "timeout", "retries", "name", "project")
SCALARS += ("priority", "parallel", "max-failures", "requirements", "image")
SWITCHES = (
    "network",
    "remote-only",
    "detach",
    "memoize",
    "fail-fast",
    "flat",
    "watch",
    "no-deps",
    "allow-builds",
    "cold",
)
LISTS = ("input", "env", "tag", "secret")
FILLED_IN = ("env", "tag", "secret")
"""Lists whose names are filled in from every place."""
ALIASES = {"secrets": "secret"}
NAMES = SCALARS + SWITCHES + LISTS
GRID_NAMES: tuple[str, ...] = (
    "home",
    "api_url",
    "api_key",
    "artifacts",
    "nats_url",
    "nats_node_url",
    "postgres_dsn",
    "public_url",
)
GRID_NAMES += ("secrets_key", "secrets_keys_old")
GRID_NAMES += ("gateway_host", "gateway_port", "url_key", "node_id", "node_type", "sandbox", "log_bytes_max")
GRID_NAMES += (
    "lease_seconds",
    "heartbeat_seconds",
    "kill_grace_seconds",
    "log_level",
    "nats_user",
    "nats_password",
    "require",
)
GRID_NAMES += tuple(f"s3_{name}" for name in ("endpoint", "bucket", "access_key", "secret_key", "region", "prefix"))
GRID_NAMES += ("pythons", "warm", "environment_bytes_max", "docker_images", "docker_runtime", "docker_pull")
"""Variables that set no option of a run."""
ROOT_MARKS = (".git", ".hg", ".svn", ".jj")


def settings(flags: dict[str, Any], script: Path | None) -> dict[str, Any]:
    """Every option that is set somewhere, by its name; a list is taken whole from the first place that has one,
    except that those of FILLED_IN get the names that they lack from the other places."""
    layers = [given(flags), from_environment()]
    if script is not None:
        layers.append(from_script(script))
    layers += [from_project(Path.cwd()), from_file(home() / "config.toml", whole=True)]
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        for name, value in layer.items():
            merged[name] = added(merged.get(name), value) if name in FILLED_IN else value
    return merged


def given(flags: dict[str, Any]) -> dict[str, Any]:
    """The flags that were really typed, by option name."""
    named = {name.replace("_", "-"): value for name, value in flags.items()}
    return {name: value for name, value in named.items() if name in NAMES and value not in (None, (), [])}


def added(below: list[str] | None, above: list[str]) -> list[str]:
    """`K=V` items of `below` whose K is not in `above`, then those of `above`."""
    taken = {item.partition("=")[0] for item in above}
    return [item for item in below or [] if item.partition("=")[0] not in taken] + list(above)


def from_environment() -> dict[str, Any]:
    """RGRID_TIMEOUT and the like; lists are separated by commas."""
    warn_unknown(os.environ)
    found: dict[str, Any] = {}
    for name in NAMES:
        value = os.environ.get("RGRID_" + name.upper().replace("-", "_"))
        if not value:
            continue
        if name in LISTS:
            found[name] = [item.strip() for item in value.split(",") if item.strip()]
        else:
            found[name] = switch(value, f"RGRID_{name.upper()}") if name in SWITCHES else value
    return found


def warn_unknown(environment: Mapping[str, str]) -> None:
    """Name every RGRID_ variable that nobody reads, with the nearest one that somebody does."""
    known = {f"RGRID_{name.upper().replace('-', '_')}" for name in (*NAMES, *GRID_NAMES)}
    for name in sorted(name for name in environment if name.startswith("RGRID_") and name not in known):
        near = difflib.get_close_matches(name, known, 1)
        warn(f"nothing reads {clean(name)}" + (f"; did you mean {near[0]}?" if near else ""))


def from_script(script: Path) -> dict[str, Any]:
    """`[tool.rgrid]` of the PEP 723 block of a script; empty when it has none."""
    try:
        data = block_of(script) or {}
    except OSError:
        return {}
    return table(data.get("tool", {}).get("rgrid", {}), str(script))


def from_project(start: Path) -> dict[str, Any]:
    """rgrid.toml or pyproject's [tool.rgrid], the nearest one from `start` up to the root of the repository."""
    folders = [start, *start.parents]
    roots = [i for i, folder in enumerate(folders) if any((folder / mark).exists() for mark in ROOT_MARKS)]
    for folder in folders[: roots[0] + 1 if roots else 1]:
        if (folder / "rgrid.toml").is_file():
            return from_file(folder / "rgrid.toml", whole=True)
        if (folder / "pyproject.toml").is_file():
            found = from_file(folder / "pyproject.toml", whole=False)
            if found:
                return found
    return {}


def from_file(path: Path, *, whole: bool) -> dict[str, Any]:
    """The options in a TOML file (`whole`), or in its [tool.rgrid]."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as wrong:
        raise UsageProblem(
            f"{clean(path)} is not UTF-8 text (byte {wrong.start}).",
            f"Correct it, or move it away: mv {typed(path)} /tmp/",
        ) from None
    except OSError:
        return {}
    data = parsed(text, str(path))
    return table(data if whole else data.get("tool", {}).get("rgrid", {}), str(path))


def parsed(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise UsageProblem(f"{clean(where)} is not TOML: {wrong}") from None


def table(data: Any, where: str) -> dict[str, Any]:
    """Known keys in their form; an unknown one is named with the nearest known one."""
    if not isinstance(data, dict):
        raise UsageProblem(f"[tool.rgrid] in {clean(where)} is not a table")
    found: dict[str, Any] = {}
    for key, value in data.items():
        name = ALIASES.get(key, key.replace("_", "-"))
        if name not in NAMES:
            near = difflib.get_close_matches(name, NAMES, 1)
            warn(f"{clean(where)}: unknown setting '{clean(key)}'" + (f"; did you mean '{near[0]}'?" if near else ""))
        elif name in LISTS:
            found[name] = listed(value, name, where)
        else:
            found[name] = switch(value, f"{where}: {name}") if name in SWITCHES else str(value)
    return found


def listed(value: Any, name: str, where: str) -> list[str]:
    """A list of strings; for tags and env a table does too."""
    if isinstance(value, dict) and name != "input":
        return [f"{key}={item}" for key, item in value.items()]
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return list(value)
    raise UsageProblem(f"{clean(where)}: '{name}' is not a list of strings")


def switch(value: Any, where: str) -> bool:
    """True or false from TOML or an environment variable."""
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("1", "true", "yes", "on"):
        return True
    if str(value).lower() in ("0", "false", "no", "off"):
        return False
    raise UsageProblem(f"{clean(where)} is {str(value)!r}, neither true nor false")
