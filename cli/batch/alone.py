"""Whether another process on this machine brings the results of the same batch into the same folder already."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from pathlib import Path


class Alone:
    """`Alone(folder, batch).taken()`: True for one process at a time; it ends with the process, however that ends.

    A name in the kernel's list of sockets: unlike a lock file it leaves nothing behind. Where there is no such list
    everybody is alone, and what two bring home at once is still verified.
    """

    def __init__(self, folder: Path, batch: str) -> None:
        whole = f"{os.getuid() if hasattr(os, 'getuid') else 0} {folder.resolve()} {batch}"
        self.name = f"\0rgrid-{hashlib.sha256(os.fsencode(whole)).hexdigest()}"
        self.socket: socket.socket | None = None

    def taken(self) -> bool:
        if sys.platform != "linux":
            return True
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.bind(self.name)
        except OSError:
            self.release()
            return False
        return True

    def release(self) -> None:
        if self.socket:
            self.socket.close()
            self.socket = None
