"""What cannot be locked is refused with what to do instead: places in the stead of packages, files that are no text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import UsageProblem
from ..terminal.screen import clean
from .upward import shown

PLACE = r"://|^(git|hg|svn|bzr)\+|^\.{0,2}/|\.(whl|zip|tar\.gz|tar\.bz2)\s*(;.*)?$"


def is_place(text: str) -> bool:
    """Whether a requirement names an address, a repository or a file."""
    _, at, place = text.partition("@")
    return any(re.search(PLACE, each.strip(), re.IGNORECASE) for each in (text, place if at else ""))


def direct(where: str, line: str) -> UsageProblem:
    """Why a package that is named by its place cannot be locked, and what to do instead."""
    if "file://" in line:
        frozen = "Did pip freeze write that, in a conda environment? Then: pip list --format=freeze > requirements.txt"
        text = f"{clean(where)} asks for a file of one machine: {clean(hidden(line))}"
        return UsageProblem(text, frozen, code="DIRECT_REFERENCE")
    return UsageProblem(
        f"{clean(where)} asks for a place instead of a package: {clean(hidden(line))}",
        "A lock holds names, versions and hashes of an index and no address. Publish it to your index and name it;\n"
        "a folder of your own needs no package: --input FOLDER takes it along.",
        code="DIRECT_REFERENCE",
    )


def hidden(text: str) -> str:
    """`text` without what stands for a password in addresses."""
    return re.sub(r"://[^/@\s]+@", "://***@", text)


def problem(path: Path, message: str, hint: str) -> UsageProblem:
    return UsageProblem(message, hint, code="REQUIREMENTS_INVALID")


def text_of(path: Path) -> str:
    """The text of a file. Raises UsageProblem when there is none."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        text = f"{clean(shown(path))} is not UTF-8 text (byte {wrong.start})."
        hint = "Write it anew as UTF-8; on Windows, PowerShell's > writes UTF-16: pip freeze | Out-File -Encoding utf8 FILE"
        raise problem(path, text, hint) from None
    except OSError as broken:
        raise UsageProblem(
            f"{clean(shown(path))} cannot be read ({(broken.strerror or 'no file').lower()}).",
            "Name the file with what the script needs: rgrid run --requirements FILE SCRIPT",
            code="FILE_MISSING" if isinstance(broken, FileNotFoundError) else "FILE_UNREADABLE",
        ) from None


def checked(lines: list[str], where: str) -> Iterator[str]:
    """`lines` of a declaration in TOML; raises UsageProblem for a place."""
    for line in lines:
        if is_place(line):
            raise direct(where, line)
        yield line


def check_requirements(lines: list[str], where: str, path: Path) -> None:
    """Raise UsageProblem for the first of `lines` that is no requirement, with its line in the file `path` if it is there."""
    from packaging.requirements import InvalidRequirement, Requirement

    for line in lines:
        try:
            Requirement(line)
        except InvalidRequirement:
            numbers = [n for n, each in enumerate(text_of(path).splitlines(), 1) if line in each]
            at = f", line {numbers[0]}" if numbers else ""
            raise problem(
                path, f"{clean(where)}{at}: {clean(line)} is no requirement.", "Write: name, or name>=1,<2"
            ) from None
