"""From pipes to spool: whatever is written comes out again, numbered, whole and in order; limits are named."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.runner.logs.numbering import CHUNK_BYTES_MAX, Numbering
from services.runner.logs.pipes import Pipes
from services.runner.logs.spool import Spool, frames
from services.runner.sandbox.spawn import pipe

PIECES = st.lists(
    st.tuples(
        st.sampled_from(["stdout", "stderr"]),
        st.one_of(
            st.binary(min_size=1, max_size=40),
            st.lists(st.sampled_from([b"\n", b"a", b"\r"]), min_size=1).map(b"".join),
        ),
    ),
    max_size=40,
)


@given(PIECES)
def test_whatever_the_pieces_the_streams_come_back_and_lines_are_numbered_as_they_begin(
    pieces: list[tuple[str, bytes]],
) -> None:
    numbers = Numbering()
    chunks = [(stream, *chunk) for stream, data in pieces for chunk in numbers.cut(stream, data)]
    for stream in ("stdout", "stderr"):
        written = b"".join(data for name, data in pieces if name == stream)
        assert b"".join(data for name, *_, data in chunks if name == stream) == written
        assert numbers.lines.get(stream, 0) == len(written.split(b"\n")) - (not written or written.endswith(b"\n"))
    assert sum(lines for _, _, lines, _ in chunks) == sum(data.count(b"\n") for _, data in pieces)
    assert _numbered(chunks) == set(range(1, numbers.total + 1))


def _numbered(chunks: list[tuple[str, int, int, bytes]]) -> set[int]:
    """Every line number that the chunks name; each may be begun only once."""
    begun: set[int] = set()
    going_on: dict[str, int] = {}
    for stream, line, lines, data in chunks:
        last = line + lines - data.endswith(b"\n")
        if stream in going_on:
            assert going_on.pop(stream) == line
            line += 1
        fresh = set(range(line, last + 1))
        assert not fresh & begun
        begun |= fresh
        if not data.endswith(b"\n"):
            going_on[stream] = last
    return begun


def test_long_lines_go_on_in_the_next_chunks() -> None:
    data = b"x" * (2 * CHUNK_BYTES_MAX + 5) + b"\nnext\n"
    chunks = Numbering().cut("stdout", data)
    assert [(line, lines) for line, lines, _ in chunks] == [(1, 0), (1, 0), (1, 2)]
    assert max(len(piece) for *_, piece in chunks) <= CHUNK_BYTES_MAX


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(PIECES)
async def test_pipes_to_spool_is_exact(tmp_path: Path, pieces: list[tuple[str, bytes]]) -> None:
    spool, pipes, writing = _open(tmp_path, 10**9)
    for number, (stream, data) in enumerate(pieces):
        os.write(writing[stream], data)
        if number % 3 == 0:
            await asyncio.sleep(0)
    _close(writing)
    await pipes.ended.wait()
    _check(spool, pieces)


async def test_what_is_left_in_the_pipes_is_taken_though_somebody_still_holds_them(tmp_path: Path) -> None:
    spool, pipes, writing = _open(tmp_path, 10**9)
    os.write(writing["stdout"], b"last words")
    pipes.drain()
    _check(spool, [("stdout", b"last words")])
    _close(writing)


async def test_the_limit_is_named_once_and_the_rest_is_counted(tmp_path: Path) -> None:
    spool, pipes, writing = _open(tmp_path, 10)
    os.write(writing["stdout"], b"12345\n7890abc\ndef\n")
    await asyncio.sleep(0.05)
    os.write(writing["stderr"], b"x\ny")
    _close(writing)
    await pipes.ended.wait()
    summary = spool.summary()
    heads, kept = _chunks(spool)
    assert kept["stdout"] == b"12345\n7890"
    assert (
        kept["rgrid"]
        == b"rgrid: the log has reached its limit of 10 bytes (RGRID_LOG_BYTES_MAX); what follows is not kept\n"
    )
    assert (summary.dropped_bytes, summary.dropped_lines) == (8 + 3, 2 + 2)
    assert (summary.chunks, summary.lines, summary.stdout_lines, summary.stderr_lines) == (len(heads), 3, 2, 0)


async def test_a_flood_without_newlines_stays_small(tmp_path: Path) -> None:
    """64 MiB, unread by anybody: the spool takes it, chunk by chunk."""
    spool, pipes, writing = _open(tmp_path, 10**9)
    script = await asyncio.create_subprocess_exec(
        "head", "-c", str(64 * 1024**2), "/dev/zero", stdout=writing["stdout"], stderr=writing["stderr"]
    )
    _close(writing)
    await script.wait()
    await pipes.ended.wait()
    summary = spool.summary()
    assert (summary.size_bytes, summary.lines, summary.dropped_bytes) == (64 * 1024**2, 1, 0)
    assert summary.chunks >= 64 * 1024**2 // CHUNK_BYTES_MAX


@pytest.mark.parametrize("data", [b"", b"\n", b"no newline", b"\x1b[31mred\r\x00\xff\n"])
async def test_odd_bytes(tmp_path: Path, data: bytes) -> None:
    spool, pipes, writing = _open(tmp_path, 10**9)
    os.write(writing["stderr"], data)
    _close(writing)
    await pipes.ended.wait()
    _check(spool, [("stderr", data)])


def _open(folder: Path, bytes_max: int) -> tuple[Spool, Pipes, dict[str, int]]:
    spool = Spool(folder / "log", 1, bytes_max)
    (out, out_writing), (err, err_writing) = pipe(), pipe()
    return spool, Pipes(out, err, spool, asyncio.Event()), {"stdout": out_writing, "stderr": err_writing}


def _close(writing: dict[str, int]) -> None:
    for fd in writing.values():
        os.close(fd)


def _check(spool: Spool, pieces: list[tuple[str, bytes]]) -> None:
    _, kept = _chunks(spool)
    for stream in ("stdout", "stderr"):
        assert kept.get(stream, b"") == b"".join(data for name, data in pieces if name == stream)
    spool.close()


def _chunks(spool: Spool) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    """Heads, and the bytes by stream."""
    found = list(frames(spool.path.read_bytes())) if spool.chunks else []
    heads = [orjson.loads(head) for head, _ in found]
    assert [head["chunk"] for head in heads] == list(range(1, len(heads) + 1))
    kept: dict[str, bytes] = {}
    for head, (_, raw) in zip(heads, found, strict=True):
        kept[head["stream"]] = kept.get(head["stream"], b"") + raw
    return heads, kept
