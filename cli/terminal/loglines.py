"""Log output line by line, for --timestamps and --json: chunks are cut into lines, stream by stream."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from .. import SCHEMA_VERSION


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
            self.line(first, before)
            first, before = head, b""
        *whole, rest = (before + data).split(b"\n")
        for text in whole:
            self.line(first, text)
            first = head
        if rest:
            self.open[head["stream"]] = (first, rest)

    def flush(self) -> None:
        """Print the lines that never ended."""
        for head, text in self.open.values():
            self.line(head, text)
        self.open.clear()
        sys.stdout.buffer.flush()

    def line(self, head: dict[str, Any], text: bytes) -> None:
        """One line on stdout."""
        at = iso(head["at_us"])
        if self.as_json:
            item = {"schema_version": SCHEMA_VERSION, "at": at, "attempt": head["attempt"], "stream": head["stream"]}
            sys.stdout.buffer.write(json.dumps(item | words(text)).encode() + b"\n")
        else:
            sys.stdout.buffer.write(f"{at} ".encode() + text + b"\n")

    def raw(self, stream: str, data: bytes) -> None:
        """Bytes as they are, to the stream they came from; rgrid's own notices to stderr."""
        sink = sys.stdout.buffer if stream == "stdout" else sys.stderr.buffer
        sink.write(data)
        if stream != "stdout":
            sink.flush()

    def records(self, pieces: Iterable[bytes]) -> None:
        """The gateway's ndjson: a head with `text` or `base64` a record."""
        rest = b""
        for piece in pieces:
            *whole, rest = (rest + piece).split(b"\n")
            for record in whole:
                self.record(record)
        self.record(rest)
        self.flush()

    def record(self, record: bytes) -> None:
        if record.strip():
            head = json.loads(record)
            encoded = head.get("base64") or head.get("data_base64")
            data = base64.b64decode(encoded) if encoded else head.get("text", "").encode("utf-8", "surrogateescape")
            self.chunk(head, memoryview(data))


def words(text: bytes) -> dict[str, str]:
    """`text`, or `base64` for what is not UTF-8."""
    try:
        return {"text": text.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(text).decode()}


def iso(at_us: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
