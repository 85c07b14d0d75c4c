"""A list that arrives in pieces of any size names what it names as a whole; one that is no list says so."""

from __future__ import annotations

import json

import pytest

from services.janitor.lists import listing

NAMES = [f"{number:064x}" for number in range(50)]
FILES = [{"path": f"ä]}},[{{ {name[-2:]}", "sha256": name, "size_bytes": 1, "mode": 0o644} for name in NAMES]
MANIFEST = json.dumps(FILES, ensure_ascii=False).encode()
MEMBERS = b"\n".join(
    json.dumps({"name": "m", "args": [], "inputs": FILES[at : at + 5]}).encode() for at in range(0, 50, 5)
)


def named(kind: str, content: bytes, piece: int) -> set[str]:
    reader, found = listing(kind), set()
    for at in range(0, len(content), piece):
        found |= reader.feed(content[at : at + piece])
    return found | reader.finish()


@pytest.mark.parametrize("piece", [1, 7, 100, 1 << 20])
@pytest.mark.parametrize(
    ("kind", "content"), [("manifest", MANIFEST), ("members", MEMBERS), ("members", MEMBERS + b"\n")]
)
def test_all_names_are_found(kind: str, content: bytes, piece: int) -> None:
    assert named(kind, content, piece) == set(NAMES)


def test_an_empty_list_names_nothing() -> None:
    assert named("manifest", b"[]", 1) == named("members", b"", 1) == set()


@pytest.mark.parametrize(
    "content", [b"", b"{}", MANIFEST[:-1], MANIFEST[:-40], MANIFEST + b"x", b"[1]", b'[{"sha": 1}]', b'"']
)
@pytest.mark.parametrize("piece", [3, 1 << 20])
def test_what_is_no_manifest_is_refused(content: bytes, piece: int) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        named("manifest", content, piece)


@pytest.mark.parametrize("content", [MEMBERS[:-1], b"[]\n", b"x"])
def test_what_is_no_list_of_members_is_refused(content: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        named("members", content, 10)
