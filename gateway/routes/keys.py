"""API keys of the account: list, issue, revoke. A key is shown once, in the answer that issues it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from domain.account.commands import IssueKey, RevokeKey
from domain.errors import IdempotencyMismatch, WrongState
from gateway.auth import Caller
from gateway.described import COUNT, TEXT, errors, shape
from gateway.idempotency import IdempotencyKey, command_id, key_or_random, secret_bytes
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import MinSeq, answer, fresh
from gateway.schemas import KeyBody
from projections.execution_doc import iso
from services.runtime import keys
from services.runtime.handle import Handled
from services.runtime.log import Ref

router = APIRouter(tags=["keys"])
KEY_ID = r"^[0-9a-z]{1,32}$"
ISSUED = {"id": "9f2c81aa", "key": "rgk_9f2c81aa_…", "label": "ci", "sequence": 12}


@router.get(
    "/keys",
    response_class=Response,
    responses={
        200: shape(
            "Oldest first, revoked ones too.",
            {"items": {"type": "array", "items": {"type": "object"}}},
            {"items": [{"id": "9f2c81aa", "label": "ci", "issued_at": "2026-11-20T14:02:00.000Z", "revoked_at": None}]},
        ),
        **errors(409),
    },
)
async def listed(parts: PartsDep, caller: CallerDep, min_seq: MinSeq = None) -> Response:
    """The keys of this account, without their secrets (nobody has those)."""
    await fresh(parts, min_seq)
    items = [
        {
            "id": row.key_id,
            "label": row.label,
            "issued_at": iso(row.issued_at_us),
            "revoked_at": None if row.revoked_at_us is None else iso(row.revoked_at_us),
        }
        for row in await parts.queries.keys(caller.account)
    ]
    return answer({"items": items})


@router.post(
    "/keys",
    status_code=201,
    response_class=Response,
    responses={
        201: shape("Keep the key: it is not shown again.", {"id": TEXT, "key": TEXT, "sequence": COUNT}, ISSUED),
        **errors(409, 413),
    },
)
async def issue(parts: PartsDep, caller: CallerDep, body: KeyBody, idempotency_key: IdempotencyKey = None) -> Response:
    """Issue another key for this account. A repeat with the same Idempotency-Key is answered with the same key."""
    given = key_or_random(idempotency_key)
    key_id, plaintext, sha256 = keys.make_key(_random(parts, caller, given, body.label))
    try:
        handled = await _handle(parts, caller, IssueKey(key_id, sha256, body.label), f"{given}\x00{body.label}")
    except WrongState as taken:
        if idempotency_key is None or taken.details.get("key_id") != key_id:
            raise
        raise IdempotencyMismatch("This Idempotency-Key issued a key with another label.") from taken
    return answer({"id": key_id, "key": plaintext, "label": body.label, "sequence": handled.position}, 201)


def _random(parts: Parts, caller: Caller, given: str, label: str) -> bytes:
    """What the key is made of: nobody can guess it, a repeat by the same caller makes it again.

    The id does not depend on the label: the same request with another one meets its own key and is refused.
    """
    secret, about = parts.settings.url_key, ("key", caller.account, caller.key_id, given)
    return secret_bytes(secret, keys.ID_BYTES, *about) + secret_bytes(secret, keys.SECRET_BYTES, *about, label)


@router.delete(
    "/keys/{key_id}",
    response_class=Response,
    responses={
        200: shape("It opens nothing any more.", {"id": TEXT, "sequence": COUNT}, {"id": "9f2c81aa", "sequence": 13}),
        **errors(404, 409),
    },
)
async def revoke(parts: PartsDep, caller: CallerDep, key_id: Annotated[str, Path(pattern=KEY_ID)]) -> Response:
    """Revoke a key; requests and open streams with it are refused within seconds."""
    handled = await _handle(parts, caller, RevokeKey(key_id), None)
    return answer({"id": key_id, "sequence": handled.position})


async def _handle(parts: Parts, caller: Caller, command: IssueKey | RevokeKey, key: str | None) -> Handled:
    ref = Ref(caller.account, "account", caller.account)
    id_ = command_id(type(command).__name__, key, caller.key_id, command.key_id)
    return await parts.handler.handle(ref, command, command_id=id_, actor=caller.actor)
