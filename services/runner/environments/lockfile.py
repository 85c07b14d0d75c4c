"""Reads a lock before any tool sees it: pins and hashes, and nothing that would make a tool fetch or read from elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson

from services.runner.environments.failures import Unbuildable, scrubbed

PIN = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*==\s*([A-Za-z0-9.!+_-]+)\s*(?:;\s*([^#]*?))?")
HASH = re.compile(r"--hash=(sha(?:256|384|512)):([0-9a-f]{64,128})")
MARKER = re.compile(r"[A-Za-z0-9_.'\"<>=!~() ,*+-]*")
HASH_AT = re.compile(r"\s--hash=")
PACKAGES_MAX = 10_000
AGAIN = "Lock the packages anew: run the script again from its folder."


@dataclass(frozen=True, slots=True)
class Pins:
    """A Python lock. `text` is what a tool may read, `packages` their names; some may be for other machines."""

    text: str
    packages: tuple[str, ...]


def read_pins(lock: bytes) -> Pins:
    """Raises Unbuildable for whatever is not a name, an exact version, a marker and its hashes."""
    lines, names = [], []
    for line in _logical(lock):
        requirement, *hashes = HASH_AT.split(" " + line)
        found = PIN.fullmatch(requirement.strip())
        marker = (found[3] or "").strip() if found else ""
        known = [HASH.fullmatch(f"--hash={each.strip()}") for each in hashes]
        if found is None or not known or not all(known) or not MARKER.fullmatch(marker):
            shown = scrubbed(line[:200], "a link")
            raise Unbuildable(f"this line of the lock is not a pinned package with its hashes: {shown!r}", AGAIN)
        wanted = f"{found[1]}=={found[2]}" + (f" ; {marker}" if marker else "")
        lines.append(" ".join((wanted, *(each[0] for each in known if each))))
        names.append(found[1].lower())
    if len(lines) > PACKAGES_MAX:
        raise Unbuildable(f"the lock has {len(lines):,} packages, more than {PACKAGES_MAX:,}", "Leave some out.")
    return Pins("".join(f"{line}\n" for line in lines), tuple(names))


def _logical(lock: bytes) -> list[str]:
    """Lines with what goes on after a backslash; comments left out."""
    try:
        text = lock.decode()
    except UnicodeDecodeError as error:
        raise Unbuildable(f"the lock is not text: {error}", AGAIN) from error
    whole = text.replace("\r\n", "\n").replace("\\\n", " ")
    lines = (line.split(" #")[0].strip() for line in whole.split("\n"))
    return [line for line in lines if line and not line.startswith("#")]


@dataclass(frozen=True, slots=True)
class NodeLock:
    """A package-lock.json as npm may read it, and the package.json that belongs to it."""

    lock: bytes
    package: bytes
    packages: int


def read_node_lock(lock: bytes) -> NodeLock:
    """Raises Unbuildable for a lock that is too old, or that takes packages from elsewhere than a registry."""
    try:
        plain = orjson.loads(lock)
        packages: dict[str, dict[str, Any]] = plain["packages"]
        root = packages[""]
        for path, package in packages.items():
            if path:
                _check_package(path, package)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unbuildable(
            f"package-lock.json cannot be read ({type(error).__name__}: {error}); it must be of version 2 or 3",
            "Make it anew with npm 7 or newer: npm install --package-lock-only",
        ) from error
    wanted = ("dependencies", "optionalDependencies", "devDependencies", "peerDependencies", "overrides", "engines")
    package = {"name": "script", "version": "0.0.0", "private": True} | {
        key: root[key] for key in wanted if key in root
    }
    root = packages[""] = {**package, **{key: root[key] for key in wanted if key in root}}
    plain = {"name": "script", "version": "0.0.0", "lockfileVersion": 3, "requires": True, "packages": packages}
    return NodeLock(orjson.dumps(plain), orjson.dumps(package), len(packages) - 1)


def _check_package(path: str, package: dict[str, Any]) -> None:
    """A package of a registry with its hash; where it was found then is left out, the node's own settings say where."""
    resolved = str(package.pop("resolved", ""))
    foreign = package.get("link") or (resolved and not resolved.startswith(("https://", "http://")))
    if foreign or not path.startswith("node_modules/") or ".." in path.split("/"):
        hint = "Only packages of a registry can be had on a node; copy its files beside the script with --input."
        raise Unbuildable(f"package-lock.json takes {path!r} from a folder or a repository", hint)
    if not isinstance(package["version"], str) or (not package.get("integrity") and not package.get("inBundle")):
        raise Unbuildable(
            f"package-lock.json has no hash for {path!r}", "Make it anew: npm install --package-lock-only"
        )
