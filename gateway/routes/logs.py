"""What a script printed: as it is now, or live over a WebSocket (docs/log-stream.md has the protocol)."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import aclosing
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from starlette.responses import Response, StreamingResponse

from domain.errors import NotFound, RgridError, Unauthenticated
from gateway.auth import Caller
from gateway.described import errors
from gateway.errors import CLOSE_BY_CODE, error_body
from gateway.kept import check_log
from gateway.parts import CallerDep, Parts, PartsDep
from gateway.reading import ID_PATTERN, ExecutionId, Instant, micros_of, resolved
from gateway.stream.attempt_log import Sources
from gateway.stream.follow import frames
from gateway.stream.history import Wish, ndjson, raw
from gateway.stream.lent import lent
from gateway.stream.query import ATTEMPT_MAX, CHUNK_MAX, wanted_of
from gateway.stream.story import Story
from gateway.stream.tail import TAIL_MAX
from services.runtime.statuses import public_code

router = APIRouter(tags=["logs"])
stream_router = APIRouter()
KEY_CHECK_SECONDS = 1.0
log = logging.getLogger("rgrid.gateway")

Stream = Literal["stdout", "stderr", "rgrid"]
AttemptNumber = Annotated[int | None, Query(ge=1, le=ATTEMPT_MAX)]
AfterChunk = Annotated[int, Query(ge=0, le=CHUNK_MAX, description="Resume cursor: leave out chunks up to this one.")]
Tail = Annotated[int | None, Query(ge=1, le=TAIL_MAX, description="Begin so many lines before the end.")]


@router.get(
    "/executions/{execution_id}/logs",
    response_class=Response,
    responses={
        200: {
            "description": "Bytes as they were written (raw), or one object a line (ndjson).",
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "application/x-ndjson": {
                    "schema": {"type": "string"},
                    "example": '{"attempt":1,"line":1,"stream":"stdout","at":"2026-11-20T14:02:00.120Z","text":"the 1642"}\n',
                },
            },
        },
        **errors(404, 409),
    },
)
async def history(
    parts: PartsDep,
    caller: CallerDep,
    execution_id: ExecutionId,
    attempt: AttemptNumber = None,
    stream: Stream | None = None,
    tail: Tail = None,
    since: Instant | None = None,
    after_chunk: AfterChunk = 0,
    format: Literal["raw", "ndjson"] = "raw",
) -> Response:
    """The log up to now. Without `attempt`: of all attempts in order (with `tail`: of the last one)."""
    wish = Wish(attempt, after_chunk, stream, tail, micros_of(since))
    execution = await resolved(parts, caller, execution_id)
    story = Story(parts.log, caller.account, execution)
    await story.begin()
    check_log(execution, story.state.expired, sum(each.log.chunks for each in story.attempts.values()))
    sources = await lent(Sources(parts.chunks, parts.store, caller.account, execution), parts.log, story)
    if format == "ndjson":
        return StreamingResponse(ndjson(sources, story, wish), media_type="application/x-ndjson")
    return StreamingResponse(raw(sources, story, wish), media_type="application/octet-stream")


@stream_router.websocket("/executions/{execution_id}/logs/stream")
async def live(
    websocket: WebSocket,
    parts: PartsDep,
    caller: CallerDep,
    execution_id: str,
) -> None:
    """The live log: see docs/log-stream.md."""
    await websocket.accept()
    try:
        with parts.streams.one(caller.account):
            await _stream(websocket, parts, caller, execution_id)
    except (WebSocketDisconnect, RuntimeError):
        log.debug("a reader of %s went away", execution_id)
    except RgridError as error:
        await _refuse(websocket, error)
    except Exception:
        log.exception("the log stream of %s broke", execution_id)
        await _refuse(websocket, RgridError("The log stream broke inside the gateway. Connect again with your cursor."))


async def _stream(websocket: WebSocket, parts: Parts, caller: Caller, execution_id: str) -> None:
    """Until all is sent, the reader is gone or the key is revoked, whichever is first."""
    tasks = [
        asyncio.create_task(_send(websocket, parts, caller, execution_id)),
        asyncio.create_task(_until_gone(websocket)),
        asyncio.create_task(_until_revoked(parts, caller)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        if tasks[1] not in done:
            await websocket.close(1000)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(websocket: WebSocket, parts: Parts, caller: Caller, text: str) -> None:
    wanted = wanted_of(websocket.query_params)
    if not re.match(ID_PATTERN, text):
        raise NotFound("There is no such execution.", details={"id": text[:64]})
    execution = await resolved(parts, caller, text)
    sources = Sources(parts.chunks, parts.store, caller.account, execution)
    async with aclosing(frames(sources, parts.log, wanted)) as found:
        async for frame in found:
            if isinstance(frame, bytes):
                await websocket.send_bytes(frame)
            else:
                await websocket.send_text(orjson.dumps(frame).decode())


async def _until_gone(websocket: WebSocket) -> None:
    """Readers say nothing; what they say is ignored."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        continue


async def _until_revoked(parts: Parts, caller: Caller) -> None:
    while True:
        await asyncio.sleep(KEY_CHECK_SECONDS)
        try:
            good = await parts.keys.still_good(caller)
        except RgridError:
            continue
        if not good:
            raise Unauthenticated("This key was revoked.", details={"key_id": caller.key_id})


async def _refuse(websocket: WebSocket, error: RgridError) -> None:
    request_id = websocket.scope["state"]["request_id"]
    code = public_code(error)
    body = error_body(code, error.message, error.details, request_id)
    try:
        await websocket.send_text(orjson.dumps({"type": "error", "error": body}, default=str).decode())
        await websocket.close(CLOSE_BY_CODE[code], code)
    except (WebSocketDisconnect, RuntimeError):
        log.debug("a reader went before it was told %s", error.code)
