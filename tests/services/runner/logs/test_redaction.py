"""The redactor: however a stream is cut, what comes out is what replacing on the whole of it gives, and little is kept back."""

from __future__ import annotations

import base64
import json
import re
import unicodedata
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.runner.logs.forms import PARTS_MAX, VALUE_BYTES_MIN, forms_of
from services.runner.logs.redaction import MASK, Forms, Redactor

few = st.binary(max_size=60).map(lambda data: bytes(b"abc\n"[each % 4] for each in data))
pieces = st.lists(few, max_size=8)
some_forms = st.lists(few.filter(bool), min_size=1, max_size=5)
long_forms = st.lists(
    st.builds(lambda part, times: part * times, few.filter(bool), st.integers(1, 8)), min_size=1, max_size=3
)


def replaced(data: bytes, forms: list[bytes]) -> bytes:
    """The definition: from left to right, the longest that stands here."""
    shown, at = b"", 0
    while at < len(data):
        here = max((form for form in forms if data.startswith(form, at)), key=len, default=b"")
        shown += MASK if here else data[at : at + 1]
        at += len(here) or 1
    return shown


def streamed(parts: list[bytes], forms: list[bytes]) -> bytes:
    redactor, shown, came = Redactor(Forms(forms)), b"", 0
    for part in parts:
        shown += redactor.feed(part)
        came += len(part)
        assert len(redactor._held) < max(map(len, forms))
    return shown + redactor.end()


@given(pieces, some_forms | long_forms)
def test_any_chunking_gives_the_same_as_replacing_on_the_whole(parts: list[bytes], forms: list[bytes]) -> None:
    assert streamed(parts, forms) == replaced(b"".join(parts), forms)


@given(st.data(), long_forms)
def test_secrets_in_the_stream_go_wherever_it_is_cut(data: st.DataObject, forms: list[bytes]) -> None:
    whole = b"".join(data.draw(st.lists(st.sampled_from(forms) | few, max_size=6)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    parts = [whole[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert streamed(parts, forms) == replaced(whole, forms)


@given(st.binary(max_size=200), some_forms)
def test_what_cannot_be_the_beginning_of_a_secret_is_shown_at_once(data: bytes, forms: list[bytes]) -> None:
    redactor = Redactor(Forms(forms))
    shown = redactor.feed(data)
    held = redactor._held
    assert held == b"" or any(form.startswith(held) and form != held for form in forms)
    assert shown + redactor.end() == replaced(data, forms)


def test_a_prompt_shows() -> None:
    redactor = Redactor(Forms([b"correct horse"]))
    assert redactor.feed(b"Password: ") == b"Password: "
    assert redactor.feed(b"is cor") == b"is "
    assert redactor.feed(b"n\n") == b"corn\n"


VALUE = b'p"ss w\xc3\xb6rd/+1?'


@pytest.mark.parametrize(
    "said",
    [
        VALUE,
        base64.b64encode(VALUE),
        base64.urlsafe_b64encode(VALUE),
        base64.b64encode(VALUE).rstrip(b"="),
        quote(VALUE).encode(),
        quote(VALUE, safe="").encode(),
        json.dumps(VALUE.decode()).encode(),
        json.dumps(VALUE.decode(), ensure_ascii=False).encode(),
        repr(VALUE.decode()).encode(),
        VALUE.hex().encode(),
    ],
)
def test_the_usual_ways_to_write_a_value_are_known(said: bytes) -> None:
    shown = Forms(forms_of([VALUE])).blotted(b"before " + said + b" after")
    assert shown.strip(b"'\"").replace(b'"', b"").replace(b"'", b"") == b"before *** after"


def ways(text: str) -> list[bytes]:
    """How a script may write a text, in bytes."""
    raw = text.encode()
    normal = [unicodedata.normalize(form, text) for form in ("NFC", "NFD")]
    found = [raw, text.encode("utf-16-le"), text.encode("utf-16-be"), *(each.encode() for each in normal)]
    found += [repr(raw)[2:-1].encode(), ascii(text)[1:-1].encode(), repr(text)[1:-1].encode()]
    found += [json.dumps(text)[1:-1].encode(), quote(text).encode(), raw.hex().encode()]
    found += [re.sub("%..", lambda each: each[0].lower(), way(text)).encode() for way in (quote, quote_plus)]
    if all(each <= "\xff" for each in text):
        found += [text.encode("latin-1")] if len(text) >= VALUE_BYTES_MIN else []
    return found


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=4, max_size=12) | st.text(
    "aÜéß€😀", min_size=4, max_size=8
)


@given(st.data(), texts.filter(lambda text: text.strip("\r\n") == text and len(text.encode()) >= VALUE_BYTES_MIN))
def test_a_text_goes_however_it_is_written_and_cut(data: st.DataObject, text: str) -> None:
    forms = Forms(forms_of([text.encode()]))
    for said in ways(text):
        if len(said) < VALUE_BYTES_MIN:
            continue
        whole = b"<" + said + b">"
        cut = data.draw(st.integers(0, len(whole)))
        redactor = Redactor(forms)
        shown = redactor.feed(whole[:cut]) + redactor.feed(whole[cut:]) + redactor.end()
        assert said not in shown and MASK in shown, said


@pytest.mark.parametrize("said", [rb"Pa\u00DCwort", rb"Pa\xdcwort", b"Pa\xdcwort", b"Pa%c3%9cwort", rb"Pa\xc3\x9cwort"])
def test_an_umlaut_does_not_hide_a_password(said: bytes) -> None:
    assert Forms(forms_of(["Pa\u00dcwort".encode()])).blotted(b"<" + said + b">") == b"<***>"


@pytest.mark.parametrize("value", ["a\u0065\u0301", "\u00e9\u00e9", "\U0001f600"])
def test_no_way_to_write_it_is_shorter_than_what_would_blot_out_other_words(value: str) -> None:
    assert all(len(form) >= VALUE_BYTES_MIN for form in forms_of([value.encode()]))


@pytest.mark.parametrize("before", [b"", b"u", b"us", b"user:"])
@pytest.mark.parametrize("after", [b"", b"x", b"xy"])
def test_base64_of_more_than_the_value_shows_none_of_its_bytes(before: bytes, after: bytes) -> None:
    value = b"s3cr3t-value-of-some-length"
    shown = Forms(forms_of([value])).blotted(base64.b64encode(before + value + after))
    assert MASK in shown and len(shown) <= len(MASK) + 4 * (len(before) // 3 + 1) + 8


def test_lines_of_a_key_go_one_by_one_and_so_does_its_wrapped_base64() -> None:
    key = b"-----BEGIN KEY-----\n" + b"\n".join(bytes([65 + n]) * 40 for n in range(6)) + b"\nend\n"
    forms = Forms(forms_of([key]))
    for line in key.splitlines():
        assert forms.blotted(b"> " + line) == (b"> ***" if len(line) >= 8 else b"> " + line)
    wrapped = base64.encodebytes(key)
    assert set(forms.blotted(wrapped).split()) == {MASK}


def test_values_too_short_to_hide_are_left_alone() -> None:
    assert forms_of([b"abc", b"", b"\n\n\n\n\n", b"12\n"]) == frozenset()


def test_nothing_that_ends_a_line_is_ever_held() -> None:
    assert all(form.strip(b"\r\n") == form for form in forms_of([b"\nsecret value\n", b"a b c d\r\n"]))


def test_forms_that_repeat_themselves_are_held_back_within_the_bound() -> None:
    form = b"a" * 5000 + b"b"
    data = (b"a" * 4000 + b"c") * 20 + b"a" * 4900
    parts = [data[at : at + 777] for at in range(0, len(data), 777)] + [b"a" * 200 + b"b" + b"a" * 10]
    assert streamed(parts, [form]) == data[:-4900] + b"a" * 100 + MASK + b"a" * 10


def test_many_large_values_have_a_bounded_number_of_forms() -> None:
    values = [b"".join(b"%d line %d of a value\n" % (number, line) for line in range(2000)) for number in range(20)]
    forms = Forms(forms_of(values))
    assert len(forms.all) <= PARTS_MAX + 20 * 40
    assert forms.blotted(b"see " + values[2].splitlines()[5]) == b"see " + MASK
