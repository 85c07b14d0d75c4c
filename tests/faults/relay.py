"""A cable between a node and NATS that can be pulled: a TCP relay whose two directions can be held back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

PIECE_BYTES = 65536


class Relay:
    """Listens on `port` and passes on to the port that `target()` names, as long as the direction is open.

    A direction that is cut swallows nothing and closes nothing: bytes just do not come any more, as with a pulled cable.
    """

    def __init__(self, target: Callable[[], int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = {"up": threading.Event(), "down": threading.Event()}
        self.mend()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, *directions: str) -> None:
        """`up`: what the node says; `down`: what it hears. Both by default."""
        for direction in directions or ("up", "down"):
            self._open[direction].clear()

    def mend(self) -> None:
        for each in self._open.values():
            each.set()

    def close(self) -> None:
        self._listener.close()
        self.mend()

    def _accept(self) -> None:
        while True:
            try:
                node, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(node,), daemon=True).start()

    def _connect(self, node: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self._target()))
        except OSError:
            node.close()
            return
        threading.Thread(target=self._pass_on, args=(node, server, "up"), daemon=True).start()
        self._pass_on(server, node, "down")

    def _pass_on(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        try:
            while data := source.recv(PIECE_BYTES):
                self._open[direction].wait()
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
