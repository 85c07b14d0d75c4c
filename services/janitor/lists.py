"""The blobs that a list names, read as it arrives: a list may have a hundred thousand lines, and nobody needs them all at once.

Of a batch a list has a line for every member, with the files of its own; of files it is one JSON array of entries.
"""

from __future__ import annotations

import codecs
import json
from abc import ABC, abstractmethod

import orjson

_ONE = json.JSONDecoder()


class Listing(ABC):
    """Its methods block: call them in a thread. For what is no list they raise ValueError, KeyError, TypeError or
    AttributeError."""

    @abstractmethod
    def feed(self, data: bytes) -> set[str]:
        """The SHA-256 that stand in what is whole of it by now."""

    @abstractmethod
    def finish(self) -> set[str]:
        """Those in the rest, once all of it came."""


def listing(kind: str) -> Listing:
    """`kind`: `members` or `manifest` (projections.retention_queries)."""
    return _Members() if kind == "members" else _Manifest()


class _Members(Listing):
    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> set[str]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        return {file["sha256"] for line in lines for file in orjson.loads(line).get("inputs", ())}

    def finish(self) -> set[str]:
        return self.feed(b"\n") if self._rest else set()


class _Manifest(Listing):
    """Entries one by one, out of the array they stand in."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._rest = ""
        self._begun = self._ended = False

    def feed(self, data: bytes) -> set[str]:
        text, at, found = self._rest + self._decoder.decode(data), 0, set[str]()
        while (at := _begin(text, at)) < len(text):
            if self._ended or (not self._begun and text[at] != "["):
                raise ValueError("it is not one array")
            if text[at] in "[],":
                self._begun, self._ended, at = True, text[at] == "]", at + 1
                continue
            try:
                entry, at = _ONE.raw_decode(text, at)
            except json.JSONDecodeError:
                break  # the rest of it is still to come
            found.add(entry["sha256"])
        self._rest = text[at:]
        return found

    def finish(self) -> set[str]:
        self._decoder.decode(b"", final=True)
        if not self._ended:
            raise ValueError("it ends in the middle")
        return set()


def _begin(text: str, at: int) -> int:
    """Where in `text`, from `at` on, something begins."""
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
