"""A proxy in front of a real S3 server, which does to requests what networks and stores do: refuse, break, delay, alter."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECE = 1 << 16
EXPIRED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
NO_SUCH_KEY = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>The key does not exist.</Message></Error>"
ANSWERS = {
    "403": ("application/xml", EXPIRED),
    "404": ("application/xml", NO_SUCH_KEY),
    "429": ("text/html", b"<html><body>429 slow down</body></html>"),
    "503": ("text/html", b"<html><body>503 no healthy upstream</body></html>"),
}


class Relay(ThreadingHTTPServer):
    """`fault(method, path)` names what happens to a request: "", one of ANSWERS, "cut", "corrupt", "short", "gone", or
    "held": no answer until that is over, then gone."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, target_port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target_port = target_port
        self.fault: Callable[[str, str], str] = lambda method, path: ""
        self.seen: list[tuple[str, str, str]] = []
        self.lock = threading.Lock()
        self.over = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @contextmanager
    def first(self, count: int, kind: str, method: str, mark: str = "") -> Iterator[list[int]]:
        """The first `count` requests of `method` with `mark` in the path suffer `kind`; yields how many did, as a list."""
        hit = [0]

        def fault(asked: str, path: str) -> str:
            with self.lock:
                if asked != method or mark not in path or hit[0] >= count:
                    return ""
                hit[0] += 1
                return kind

        self.fault = fault
        try:
            yield hit
        finally:
            self.fault = lambda method, path: ""

    @contextmanager
    def holding(self, free: int, method: str, mark: str = "") -> Iterator[list[int]]:
        """After `free` requests of `method` with `mark` in the path all others are held; yields how many are, as a list."""
        came, held = [0], [0]

        def fault(asked: str, path: str) -> str:
            with self.lock:
                if asked != method or mark not in path:
                    return ""
                came[0] += 1
                held[0] = max(0, came[0] - free)
                return "held" if held[0] else ""

        self.over.clear()
        self.fault = fault
        try:
            yield held
        finally:
            self.fault = lambda method, path: ""
            self.over.set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        return


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Relay

    def _relay(self) -> None:
        kind = self.server.fault(self.command, self.path)
        with self.server.lock:
            self.server.seen.append((self.command, self.path, kind))
        length = int(self.headers.get("Content-Length") or 0)
        if kind == "held":
            self.server.over.wait(60)
        if kind in ("gone", "held"):
            self.close_connection = True
            self.connection.close()
            return
        if kind in ANSWERS:
            self._drain(length)
            content_type, body = ANSWERS[kind]
            self.send_response(int(kind))
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(body)
            return
        if kind == "cut":
            self._drain(length // 2)
            self.close_connection = True
            self.connection.close()
            return
        self._pass_on(length, kind)

    def _pass_on(self, length: int, kind: str) -> None:
        wire = http.client.HTTPConnection("127.0.0.1", self.server.target_port, timeout=60)
        try:
            wire.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                wire.putheader(name, value)
            wire.endheaders()
            left, first = length, True
            while left:
                piece = self.rfile.read(min(PIECE, left))
                if not piece:
                    break
                left -= len(piece)
                wire.send(bytes([piece[0] ^ 1]) + piece[1:] if first and kind == "corrupt" else piece)
                first = False
            answer = wire.getresponse()
            self._answer(answer, kind)
        finally:
            wire.close()

    def _answer(self, answer: http.client.HTTPResponse, kind: str) -> None:
        body = answer.read() if self.command != "HEAD" else b""
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(body)))
        self.end_headers()
        if kind == "short":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            self.connection.close()
        else:
            self.wfile.write(body)

    def _drain(self, length: int) -> None:
        while length > 0 and (piece := self.rfile.read(min(PIECE, length))):
            length -= len(piece)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _relay

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def relaying(target_port: int) -> Iterator[Relay]:
    """A relay that serves until the end."""
    relay = Relay(target_port)
    thread = threading.Thread(target=relay.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        relay.shutdown()
        relay.server_close()
        thread.join()
