"""Keys: their form, their checksum, their hash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Unauthenticated
from domain.ids import ALPHABET
from services.runtime.keys import RANDOM_BYTES, make_key, parse, verify

RANDOM = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(RANDOM)
def test_a_key_parses_into_what_it_was_made_of(random: bytes) -> None:
    key_id, plaintext, sha256 = make_key(random)
    found_id, secret = parse(plaintext)
    assert found_id == key_id
    assert verify(secret, sha256)
    assert secret not in sha256


@given(RANDOM, st.data())
def test_one_wrong_letter_is_a_typing_error_not_a_stranger(random: bytes, data: st.DataObject) -> None:
    plaintext = make_key(random)[1]
    place = data.draw(st.integers(len("rgk_12345678_"), len(plaintext) - 1))
    other = data.draw(st.sampled_from([each for each in ALPHABET if each != plaintext[place]]))
    with pytest.raises(Unauthenticated, match="typing error"):
        parse(plaintext[:place] + other + plaintext[place + 1 :])


def test_the_secret_of_another_key_does_not_verify() -> None:
    mine, other = make_key(bytes(RANDOM_BYTES)), make_key(b"\1" * RANDOM_BYTES)
    assert not verify(parse(other[1])[1], mine[2])


@pytest.mark.parametrize("text", ["", "rgk_", "Bearer x", "rgk_12345678_", "rgk_0_0", "é" * 60])
def test_what_is_no_key_is_refused_in_words(text: str) -> None:
    with pytest.raises(Unauthenticated, match="not an rgrid key"):
        parse(text)


def test_too_few_random_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="25 random bytes"):
        make_key(b"short")
