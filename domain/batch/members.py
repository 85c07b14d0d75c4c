"""The members of a batch as they are listed: one JSON object a line, and the execution that each becomes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from domain.errors import Invalid
from domain.execution.job import Job
from domain.files import FileRef, checked_path, checked_tree, file_ref, file_set
from domain.ids import id_from

MEMBERS_MAX = 100_000
LIST_BYTES_MAX = 256 * 1024**2
INPUTS_MAX = 16
"""Files of one member's own. What all of them read is shared, and stored once."""
ARGS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Member:
    """`name`: the folder that its results come home to, unique in the batch. `args` follow the arguments of the batch."""

    name: str
    args: tuple[str, ...] = ()
    inputs: tuple[FileRef, ...] = ()


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
            members.append(_member(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Invalid(f"Line {number} of the members is not one: {error}", details={"line": number}) from None
        except Invalid as error:
            raise Invalid(f"Line {number} of the members: {error.message}", details={"line": number}) from None
    if not members:
        raise Invalid("A batch has at least one member.")
    checked_tree([member.name for member in members])
    return members


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _plain(member: Member) -> dict[str, Any]:
    inputs = [
        {"path": each.path, "sha256": each.sha256, "size_bytes": each.size_bytes, "mode": each.mode}
        for each in member.inputs
    ]
    return {"name": member.name, "args": list(member.args), "inputs": inputs}


def _member(data: dict[str, Any]) -> Member:
    args, inputs = tuple(data.get("args", ())), tuple(file_ref(each) for each in data.get("inputs", ()))
    if not all(isinstance(arg, str) for arg in args) or len(args) > ARGS_MAX or len(inputs) > INPUTS_MAX:
        raise ValueError(f"at most {ARGS_MAX} arguments (texts) and {INPUTS_MAX} inputs")
    for each in inputs:
        checked_path(each.path)
        if len(each.sha256) != 64 or each.size_bytes < 0:
            raise ValueError(f"{each.path} has no hash or size")
    checked_tree([each.path for each in inputs])
    return Member(checked_path(data["name"]), args, inputs)
