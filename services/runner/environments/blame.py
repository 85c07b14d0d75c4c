"""What uv and npm say when they fail, in a sentence, with what to do, and whose fault it is.

What a lock asks for and nobody has, or has in another form, fails the script: asking again would not help. An index that
does not answer, or does not let us in, and a disk that is full are faults around it, and another attempt follows.
"""

from __future__ import annotations

import re

from services.runner.environments.failures import SAID_MAX, Unbuildable, Unbuilt, scrubbed
from services.runner.environments.tool import Done

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
FULL = ("No space left on device", "ENOSPC", "Disk quota exceeded", "EDQUOT")
AROUND = (
    *("Failed to fetch", "error sending request", "client error (Connect)", "dns error", "UnknownIssuer", "timed out"),
    *("HTTP status server error", "429 Too Many Requests", "401 Unauthorized", "403 Forbidden", "could not be queried"),
    *("network was disabled", "Failed to read `--find-links`", "connection closed", "Read-only file system"),
    *("ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "ETIMEDOUT", "EAI_AGAIN", "ERR_SOCKET_TIMEOUT", "EIDLETIMEOUT"),
    *(
        "SELF_SIGNED",
        "UNABLE_TO_",
        "CERT_",
        "code E401",
        "code E403",
        "code E429",
        "code E5",
        "code EACCES",
        "code EPERM",
    ),
)
LOCK_ANEW = "Lock the packages anew: run the script again from its folder."
BUILDS = "Choose a version that has a wheel, or allow its code to be run, in a box: rgrid run --allow-builds …"

NO_WHEEL = re.compile(r"Because (?P<what>\S+?) has no (?:usable )?wheels(?P<how> with a matching [^(\n]*)?")
NOT_FOUND = re.compile(r"Because (?P<what>\S+) was not found in the package registry")
NO_VERSION = re.compile(r"there is no version of (?P<what>\S+)")
HASH = re.compile(r"Hash mismatch for `(?P<what>[^`]+)`")
BROKEN = re.compile(r"Failed to (?:download|install|extract|read)[^\n]*?`?(?P<what>[A-Za-z0-9._-]+==[^`\s)]+)")
BUILD = re.compile(r"Failed to (?:download and )?build `?(?P<what>[^`\n]+)`?")
NPM_CODE = re.compile(r"^npm (?:error|ERR!) code (\w+)", re.MULTILINE)
NPM_LINE = re.compile(r"^npm (?:error|ERR!) ?(.*)", re.MULTILINE)


def uv_failed(done: Done, *, builds: bool = False) -> Unbuildable | Unbuilt:
    """Why `uv pip install` ended badly. It answers 1 to what it cannot resolve, 2 to whatever it did not expect."""
    said = COLOUR.sub("", done.said)
    around = _around(done, "uv")
    if around is not None:
        return around
    if match := HASH.search(said):
        return Unbuildable(f"what the index has as {match['what']} is not what was locked: its hash differs", LOCK_ANEW)
    if any(each in said for each in AROUND):
        return Unbuilt(f"the packages could not be fetched: {essence(said)}")
    if match := NO_WHEEL.search(said):
        how = (
            f"{match['what']} has no wheel{(match['how'] or '').rstrip(' ')} that fits this node's Python and platform"
        )
        how = re.sub(r" with a matching .*? that fits", " that fits", how)
        return Unbuildable(how, BUILDS if not builds else "Choose another version or another Python.")
    if match := NOT_FOUND.search(said):
        hint = f"Is {match['what']} the name of the package? Names in PyPI sometimes differ from what is imported."
        return Unbuildable(f"the package index has no {match['what']}", hint)
    if match := NO_VERSION.search(said):
        return Unbuildable(f"the package index has no {match['what'].rstrip(',')}", LOCK_ANEW)
    if match := BUILD.search(said):
        return Unbuildable(f"{match['what']} could not be built: {essence(said)}", "Choose a version that has a wheel.")
    if match := BROKEN.search(said):
        return Unbuildable(f"{match['what']} is damaged in the index: {essence(said)}", "Choose another version.")
    return Unbuildable(essence(said), LOCK_ANEW) if done.code == 1 else Unbuilt(essence(said))


def npm_failed(done: Done) -> Unbuildable | Unbuilt:
    """Why `npm ci` ended badly."""
    said = COLOUR.sub("", done.said)
    around = _around(done, "npm")
    if around is not None:
        return around
    code = NPM_CODE.search(said)
    lines = [line for line in NPM_LINE.findall(said) if line and not line.startswith(("code ", "A complete log"))]
    essential = scrubbed(" ".join(lines[:4])) or scrubbed(said[-SAID_MAX:])
    if any(each in said for each in AROUND):
        return Unbuilt(f"npm could not get at its registry ({code[1] if code else 'no code'})")
    hints = {
        "EINTEGRITY": "What the registry has differs from what was locked: make package-lock.json anew.",
        "E404": "Look at the name and the version in package.json, and make package-lock.json anew.",
        "ETARGET": "Look at the name and the version in package.json, and make package-lock.json anew.",
        "EUSAGE": "package.json and package-lock.json differ: npm install --package-lock-only",
    }
    return Unbuildable(essential, hints.get(code[1] if code else "", "npm ci in a copy of the folder says more."))


def essence(said: str) -> str:
    """The error and what caused it, in one line, without hints and without the names of hosts."""
    said = said.partition("\nhint:")[0].partition("error: ")[2] or said[-SAID_MAX:]
    return scrubbed(" · ".join(line.strip() for line in said.replace("  cause: ", "").splitlines() if line.strip()))


def _around(done: Done, tool: str) -> Unbuilt | None:
    if done.code is None:
        return Unbuilt(f"{tool} took more than an hour")
    if done.code < 0:
        return Unbuilt(f"{tool} was ended by signal {-done.code}")
    full = next((each for each in FULL if each in done.said), "")
    return Unbuilt(f"{tool} found the disk of the node full: {full}") if full else None
