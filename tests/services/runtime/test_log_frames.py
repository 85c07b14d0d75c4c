"""The frame of spools and archives: what was framed comes out again, however the bytes are cut on their way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runtime.log_frames import LENGTH, FrameTooLong, framed, take_frames


@given(st.lists(st.binary(max_size=50), max_size=20), st.integers(1, 70))
def test_frames_come_out_as_they_went_in(chunks: list[bytes], step: int) -> None:
    data = b"".join(map(framed, chunks))
    held, found = bytearray(), []
    for at in range(0, len(data), step):
        held += data[at : at + step]
        found += take_frames(held)
    assert found == chunks
    assert not held


def test_the_length_is_little_endian_on_disk() -> None:
    """Archives live as long as their executions: this never changes."""
    assert framed(b"abc") == b"\x03\x00\x00\x00abc"


def test_an_impossible_length_is_not_waited_for() -> None:
    with pytest.raises(FrameTooLong):
        list(take_frames(bytearray(LENGTH.pack(2**31))))
