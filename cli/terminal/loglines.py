"""Log output line by line, for --timestamps and --json: chunks are cut into lines, stream by stream."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from .. import SCHEMA_VERSION
from .passing import passed
from .screen import clean, tell

LINE_BYTES_MAX = 1 << 20
"""A longer line comes in several pieces, so that no script can fill our memory."""


class Lines:
    """Where log lines go. `since`: an ISO time; older chunks are left out."""

    def __init__(self, as_json: bool, timestamps: bool, since: str | None = None) -> None:
        self.as_json, self.timestamps = as_json, timestamps
        self.since = since
        self.open: dict[str, tuple[dict[str, Any], bytes]] = {}

    @property
    def per_line(self) -> bool:
        return self.as_json or self.timestamps

    def chunk(self, head: dict[str, Any], data: memoryview) -> None:
        """Cut a chunk into lines; the last, unfinished one waits for what follows it on its stream."""
        if self.since and iso(head["at_us"]) < self.since:
            return
        if not self.per_line:
            self.raw(head["stream"], bytes(data))
            return
        first, before = self.open.pop(head["stream"], (head, b""))
        if first["attempt"] != head["attempt"]:
            self.put(words_of(first, first["line"], before))
            first, before = head, b""
        *whole, rest = (before + data).split(b"\n")
        number = first["line"]
        for text in whole:
            self.put(words_of(first, number, text))
            first, number = head, number + 1
        while len(rest) > LINE_BYTES_MAX:
            self.put({**words_of(first, number, rest[:LINE_BYTES_MAX]), "partial": True})
            rest = rest[LINE_BYTES_MAX:]
        if rest:
            self.open[head["stream"]] = ({**first, "line": number}, rest)

    def flush(self) -> None:
        """Print the lines that never ended."""
        for head, text in self.open.values():
            self.put(words_of(head, head["line"], text))
        self.open.clear()
        sys.stdout.buffer.flush()

    def put(self, item: dict[str, Any]) -> None:
        """One line of the log on stdout; without --json or --timestamps as it is, to the stream it came from."""
        text = base64.b64decode(item["base64"]) if "base64" in item else item["text"].encode()
        if self.as_json:
            sys.stdout.buffer.write(json.dumps({"schema_version": SCHEMA_VERSION, **item}).encode() + b"\n")
        elif self.timestamps:
            sys.stdout.buffer.write(f"{item['at']} ".encode() + text + b"\n")
        else:
            self.raw(item["stream"], text + (b"" if item.get("partial") else b"\n"))

    def raw(self, stream: str, data: bytes) -> None:
        """Bytes as they are, to the stream they came from; rgrid's own notices to stderr."""
        if stream == "rgrid":
            tell(f"! {clean(data.decode('utf-8', 'replace').strip())}")
        else:
            passed(data, sys.stdout.buffer if stream == "stdout" else sys.stderr.buffer)

    def records(self, pieces: Iterable[bytes]) -> None:
        """The gateway's ndjson: an object a line of the log, or a named gap."""
        rest = b""
        for piece in pieces:
            *whole, rest = (rest + piece).split(b"\n")
            for record in whole:
                self.record(record)
        self.record(rest)
        sys.stdout.buffer.flush()

    def record(self, record: bytes) -> None:
        if not record.strip():
            return
        item = json.loads(record)
        if gap := item.get("gap"):
            tell(f"! log chunks {gap['from_chunk']} to {gap['to_chunk']} are missing. {clean(gap['why'])}")
        else:
            self.put(item)


def words_of(head: dict[str, Any], number: int, text: bytes) -> dict[str, Any]:
    """A line in the form of the gateway's ndjson; `base64` instead of `text` for what is not UTF-8."""
    item = {"attempt": head["attempt"], "line": number, "stream": head["stream"], "at": iso(head["at_us"])}
    try:
        return {**item, "text": text.decode()}
    except UnicodeDecodeError:
        return {**item, "base64": base64.b64encode(text).decode()}


def iso(at_us: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC with milliseconds (cut)."""
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%dT%H:%M:%S}.{at_us // 1000 % 1000:03d}Z"
