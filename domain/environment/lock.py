"""What a lock may say: packages pinned to versions and hashes, and nothing that sends an installer anywhere else.

A lock is another's text that ends up before uv or npm on a node: what is not plainly a pin is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from domain.errors import Invalid

LOCK_BYTES_MAX = 4 * 1024**2
VERSIONS = (2, 3)
"""Of package-lock.json."""
SHOWN_CHARS = 80
BUNDLES_DEEP_MAX = 20
Packages = dict[str, str]
"""Version by name; of a package that a lock pins in several, for several platforms or users: `1.26.4 or 2.3.1`."""

_PLAIN = re.compile(r"[\x20-\x7e\n]*")
_MARKER = (
    r"(?>\s*+(?:===|[~=!<>]=|[<>]|[()]|'[A-Za-z0-9_.*+-]*'|\"[A-Za-z0-9_.*+-]*\"|(?:and|or|not|in|extra|os_name|"
    r"python_version|python_full_version|sys_platform|platform_(?:machine|release|system|version|python_implementation)|"
    r"implementation_(?:name|version))(?![A-Za-z0-9_])))"
)
_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?:\[[A-Za-z0-9._,-]*\])?"
    r" ?== ?(?P<version>[A-Za-z0-9][A-Za-z0-9.!+_-]*)"
    rf"(?: *;{_MARKER}++)?(?: +--hash=sha256:[0-9a-f]{{64}})+ *"
)
_SPOT = re.compile(
    r"(?:node_modules/(?:@[A-Za-z0-9._~-]+/)?[A-Za-z0-9._~-]+)(?:/node_modules/(?:@[A-Za-z0-9._~-]+/)?[A-Za-z0-9._~-]+)*"
)
_INTEGRITY = re.compile(r"(?:sha(?:1|256|384|512)-[A-Za-z0-9+/]+={0,2}(?: (?!$)|$))+")
_NAME = r"(?:@[A-Za-z0-9._~-]+/)?[A-Za-z0-9._~-]+"
_PLAIN_RANGE = r"(?!\.)(?![^\n]*\.(?i:tgz|tar|tar\.gz)\Z)[A-Za-z0-9 .*^~<>=|+_-]*"
_RANGE = re.compile(rf"{_PLAIN_RANGE}|npm:{_NAME}(?:@{_PLAIN_RANGE})?")
"""Versions, ranges and tags; what begins with a dot or ends like an archive is a file to npm."""
_WISHES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")


def packages_of(kind: str, content: bytes) -> Packages:
    """What a lock of `kind` (python, node) pins. Raises Invalid (INVALID_LOCK), saying where and what.

    Takes part of a second for a large one: not in an event loop.
    """
    if len(content) > LOCK_BYTES_MAX:
        raise _refused(f"it has more than {LOCK_BYTES_MAX // 1024**2} MiB")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise _refused("it is not UTF-8 text") from error
    return _gathered(_pins(text) if kind == "python" else _locked(text))


def _pins(text: str) -> Iterator[tuple[str, str]]:
    """Of a requirements file: `name==version ; marker --hash=sha256:…`, lines that end in a backslash joined."""
    if not _PLAIN.fullmatch(text):
        raise _refused("it holds other characters than printable ASCII and line ends")
    number, logical = 0, ""
    for at, line in enumerate([*text.split("\n"), ""], 1):
        if not logical and line.lstrip().startswith("#") and "\\" not in line:
            continue
        number = number if logical else at
        logical += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        if logical.strip():
            found = _PIN.fullmatch(logical)
            if not found:
                raise _refused(f"line {number} is not a pin with SHA-256 hashes: {logical[:SHOWN_CHARS]!r}")
            yield re.sub(r"[-_.]+", "-", found["name"]).lower(), found["version"]
        logical = ""


def _locked(text: str) -> Iterator[tuple[str, str]]:
    """Of a package-lock.json, which names what it pins by the folder that it goes to."""
    try:
        lock = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused("it is not JSON") from error
    if not isinstance(lock, dict) or lock.get("lockfileVersion") not in VERSIONS:
        raise _refused("it is no package-lock.json of version 2 or 3: `npm install --package-lock-only` makes one")
    entries = lock.get("packages")
    if not isinstance(entries, dict):
        raise _refused("it lists no packages")
    bundles = _bundles(entries)
    for spot, entry in entries.items():
        if not isinstance(entry, dict):
            raise _refused(f"{spot[:SHOWN_CHARS]!r} is not described")
        _check_wishes(spot, entry)
        if spot:
            _check_entry(spot, entry, bundles)
            yield spot.rpartition("node_modules/")[2], entry["version"]


def _check_wishes(spot: str, entry: Mapping[str, Any]) -> None:
    """What it depends on must come from the registry: npm would fetch the rest from where it says."""
    for wish in _WISHES:
        named = entry.get(wish, {})
        if not isinstance(named, dict):
            raise _refused(f"the {wish} of {spot[:SHOWN_CHARS]!r} are not described")
        for name, wanted in named.items():
            if not re.fullmatch(_NAME, name):
                raise _refused(f"{name[:SHOWN_CHARS]!r} is no name of a package")
            if not isinstance(wanted, str) or not _RANGE.fullmatch(wanted):
                raise _refused(f"{name[:SHOWN_CHARS]!r} comes from {str(wanted)[:SHOWN_CHARS]!r}, not from a registry")


def _check_entry(spot: str, entry: Mapping[str, Any], bundles: Mapping[str, set[str]]) -> None:
    if not _SPOT.fullmatch(spot) or "/../" in f"/{spot}/" or "/./" in f"/{spot}/" or entry.get("link"):
        raise _refused(f"{spot[:SHOWN_CHARS]!r} is a folder of one's own: only packages of a registry can be locked")
    version, integrity, origin = entry.get("version"), entry.get("integrity"), entry.get("resolved")
    name = entry.get("name", "x")  # of a package that goes by another name here
    if not isinstance(name, str) or not re.fullmatch(_NAME, name):
        raise _refused(f"{spot[:SHOWN_CHARS]!r} has {str(name)[:SHOWN_CHARS]!r} as its name")
    if not isinstance(version, str) or not re.fullmatch(r"[A-Za-z0-9.+-]{1,128}", version):
        raise _refused(f"{spot[:SHOWN_CHARS]!r} has no version")
    if entry.get("inBundle") is True and origin is None and integrity is None and _bundled(spot, bundles):
        return  # it comes inside of another, which is checked
    if not isinstance(integrity, str) or not _INTEGRITY.fullmatch(integrity):
        raise _refused(f"{spot[:SHOWN_CHARS]!r} has no hash (`integrity`)")
    if origin is not None and not (isinstance(origin, str) and re.fullmatch(r"https?://[^\s]+", origin)):
        raise _refused(f"{spot[:SHOWN_CHARS]!r} comes from {str(origin)[:SHOWN_CHARS]!r}, not from a registry")


def _bundles(entries: Mapping[str, Any]) -> dict[str, set[str]]:
    """By the spot of a package that has a hash: what it brings along, that which this needs included."""
    found: dict[str, set[str]] = {}
    for spot, entry in entries.items():
        listed = entry.get("bundleDependencies") if isinstance(entry, dict) and entry.get("integrity") else None
        names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
        found[spot] = set(names)
        while names:
            inner = entries.get(f"{spot}/node_modules/{names.pop()}")
            needs = [inner.get(wish) for wish in _WISHES] if isinstance(inner, dict) else []
            more = {name for each in needs if isinstance(each, dict) for name in each} - found[spot]
            found[spot] |= more
            names.extend(more)
    return found


def _bundled(spot: str, bundles: Mapping[str, set[str]]) -> bool:
    """Whether a package around it brings it along, or one that it is below of."""
    parts = spot.split("/node_modules/", BUNDLES_DEEP_MAX)
    return any(parts[end] in bundles.get("/node_modules/".join(parts[:end]), ()) for end in range(1, len(parts)))


def _gathered(pins: Iterable[tuple[str, str]]) -> Packages:
    found: dict[str, list[str]] = {}
    for name, version in pins:
        versions = found.setdefault(name, [])
        if version not in versions:
            versions.append(version)
    return {name: " or ".join(versions) for name, versions in found.items()}


def _refused(why: str) -> Invalid:
    return Invalid(f"The lock cannot be used: {why}.", code="INVALID_LOCK")
