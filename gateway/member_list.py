"""The list of the members of a batch, which comes as a blob: read within bounds and checked whole before anything is queued."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

import orjson

from domain.batch.members import Member, decode
from domain.errors import Invalid
from domain.files import FileRef
from gateway.batch_schemas import MembersBody
from gateway.fields import ARG_CHARS_MAX, ARGS_BYTES_MAX, FILE_BYTES_MAX
from services.artifacts.store import SHA256, ArtifactStore


async def checked_members(
    store: ArtifactStore, account: str, listed: MembersBody, args: list[str], beside: Sequence[str]
) -> list[FileRef]:
    """The files of all members, each content once; `args` and paths `beside` are what every member has.

    Raises NotFound, BlobDamaged, Invalid: with the line, for what cannot run. 100,000 members take some hundred megabytes
    for a moment, so the caller sees to it that few lists are read at a time.
    """
    data = await _read(store, account, listed)
    return await asyncio.to_thread(_checked, data, listed.count, args, beside)


async def _read(store: ArtifactStore, account: str, listed: MembersBody) -> bytes:
    """The stored list; the store itself sees to its hash."""
    content = bytearray()
    async for piece in store.open(account, listed.sha256):
        content += piece
        if len(content) > listed.size_bytes:
            break
    if len(content) != listed.size_bytes:
        message = f"The list of members does not have the {listed.size_bytes:,} bytes that the request says."
        raise Invalid(message, code="SIZE_MISMATCH", details={"sha256": [listed.sha256]})
    return bytes(content)


def _checked(data: bytes, count: int, args: list[str], beside: Sequence[str]) -> list[FileRef]:
    """Takes a second for 100,000 members: run it in a thread."""
    members = decode(data)
    if len(members) != count:
        raise Invalid(f"The list has {len(members):,} members, the request says {count:,}.")
    taken, folders = set(beside), {folder for path in beside for folder in _folders(path)}
    args_bytes = len(orjson.dumps(args))
    found: dict[str, FileRef] = {}
    for line, member in enumerate(members, 1):
        problem = _args_problem(member, args_bytes) or _files_problem(member, taken, folders, found)
        if problem:
            raise Invalid(f"Line {line} of the members: {problem}", details={"line": line})
        found.update((each.sha256, each) for each in member.inputs)
    return list(found.values())


def _args_problem(member: Member, args_bytes: int) -> str:
    """Why its arguments are none for a process; `args_bytes`: of the arguments of the batch. Empty: they are."""
    try:
        paths = [each.path for each in member.inputs]
        size_bytes = args_bytes + len(orjson.dumps([member.name, paths, member.args]))
    except TypeError:
        return "a name or an argument holds half a character"
    if any("\x00" in arg or len(arg) > ARG_CHARS_MAX for arg in member.args):
        return f"an argument holds a NUL or has more than {ARG_CHARS_MAX:,} characters"
    return (
        f"its names and arguments have more than {ARGS_BYTES_MAX:,} bytes together"
        if size_bytes > ARGS_BYTES_MAX
        else ""
    )


def _files_problem(member: Member, taken: set[str], folders: set[str], found: dict[str, FileRef]) -> str:
    """Why its files are none, or cannot stand beside those of the batch, or beside other members' words of them."""
    for each in member.inputs:
        path, size, mode = each.path, each.size_bytes, each.mode
        if not SHA256.fullmatch(each.sha256) or not _whole(size, FILE_BYTES_MAX) or not _whole(mode, 0o777):
            return f"{path!r} has no SHA-256, size or mode as it should be"
        if path in taken or path in folders or any(folder in taken for folder in _folders(path)):
            return f"{path!r} is in the way of the script or of a shared file. Give one of them another place."
        known = found.get(each.sha256)
        if known is not None and known.size_bytes != size:
            return f"{path!r} has another size here than on a line before, with the same SHA-256"
    return ""


def _whole(value: object, most: int) -> bool:
    return type(value) is int and 0 <= value <= most


def _folders(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path
