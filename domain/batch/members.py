"""The members of a batch as they are listed: one JSON object a line, and the execution that each becomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from domain.batch.member import Member, member_of
from domain.errors import Invalid
from domain.execution.job import Job
from domain.files import checked_tree, file_set
from domain.ids import id_from

__all__ = ["LIST_BYTES_MAX", "MEMBERS_MAX", "Member", "decode", "digest", "encode", "member_id", "member_job"]
MEMBERS_MAX = 100_000
LIST_BYTES_MAX = 256 * 1024**2


def member_id(account: str, batch_id: str, index: int) -> str:
    """The execution that the member at `index` (from 0) is, always the same."""
    return id_from("exec", account, batch_id, str(index))


def member_job(job: Job, member: Member) -> Job:
    """What is run for `member`: the job of the batch with its arguments and inputs."""
    return replace(job, args=(*job.args, *member.args), inputs=file_set(member.inputs))


def encode(members: Iterable[Member]) -> bytes:
    """The list as it is stored."""
    return b"".join(json.dumps(_plain(member), ensure_ascii=False).encode() + b"\n" for member in members)


def decode(data: bytes) -> list[Member]:
    """The members; raises Invalid, with the line, for what is none, and for names that are no folders of their own."""
    members = []
    for number, line in enumerate(data.splitlines(), 1):
        if number > MEMBERS_MAX:
            raise Invalid(f"A batch has at most {MEMBERS_MAX:,} members.", code="TOO_MANY")
        try:
            members.append(member_of(_json(line)))
        except Invalid as error:
            raise Invalid(f"Line {number} of the members: {error.message}", details={"line": number}) from None
    if not members:
        raise Invalid("A batch has at least one member.")
    _check_names([member.name for member in members])
    return members


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _plain(member: Member) -> dict[str, Any]:
    inputs = [
        {"path": each.path, "sha256": each.sha256, "size_bytes": each.size_bytes, "mode": each.mode}
        for each in member.inputs
    ]
    return {"name": member.name, "args": list(member.args), "inputs": inputs}


def _json(line: bytes) -> Any:
    """What stands on a line. Raises Invalid, also for brackets within brackets beyond all reading."""
    try:
        return json.loads(line.decode())
    except json.JSONDecodeError as error:
        raise Invalid(f"it is not JSON, from its character {error.pos + 1:,} on") from None
    except UnicodeDecodeError:
        raise Invalid("it is not UTF-8") from None
    except (RecursionError, ValueError):
        raise Invalid("it is nested too deeply, or holds a number too long, to be read") from None


def _check_names(names: list[str]) -> None:
    """Each a folder of its own; raises Invalid, with the line of one that is not."""
    try:
        checked_tree(names)
    except Invalid as error:
        name = error.details["path"]
        first, *others = [number for number, each in enumerate(names, 1) if each == name]
        line = others[0] if others else first
        problem = f"the name {name!r} is that of line {first} already" if others else error.message
        raise Invalid(f"Line {line} of the members: {problem}", details={"line": line, "path": name}) from None
