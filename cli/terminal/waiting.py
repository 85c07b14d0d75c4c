"""What a run waits for before its script begins: on a terminal a line that counts the seconds, elsewhere what the node says."""

from __future__ import annotations

import threading
import time

from .formats import duration
from .live import Live
from .screen import COLUMN, MARKS, interactive

BEGUN, STILL, OVER = "being made ready on the node", "environment  still ", "environment  ready "
DRAWN_SECONDS = 0.5


class Waiting:
    """Whoever hears one of the node's notices says `heard`; before anything of the script is shown, `stop`."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def heard(self, notice: str, age_seconds: float) -> bool:
        """Whether the notice, so many seconds old, is to be shown: not where the line beneath says the same."""
        if notice.startswith(OVER):
            self.stop()
        elif notice.endswith(BEGUN) and interactive() and self._thread is None:
            self._over.clear()
            began = time.monotonic() - max(0.0, age_seconds)
            self._thread = threading.Thread(target=self._show, args=(began,), daemon=True)
            self._thread.start()
        return self._thread is None or not notice.startswith(STILL)

    def stop(self) -> None:
        """Nothing is left of the line."""
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None

    def _show(self, began: float) -> None:
        if self._over.wait(DRAWN_SECONDS):
            return
        with Live() as live:
            while True:
                took = int(time.monotonic() - began)
                text = f" being made ready · {f'{took} s' if took < 60 else duration(took)}"
                live.draw([[(f"{MARKS['busy']} {'environment':<{COLUMN}}", "busy"), (text, "")]])
                if self._over.wait(DRAWN_SECONDS):
                    return
