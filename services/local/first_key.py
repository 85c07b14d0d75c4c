"""The key that a person gets without asking: issued at the first start, and anew when the log does not know it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from services.local.api import ask
from services.local.home import Home, read_json, write_json
from services.local.parts import run_module
from services.local.problem import Problem
from services.local.readiness import tail, wait_until
from services.local.secrets_file import Secrets, renew_key
from services.local.supervisor import Supervisor

UNAUTHENTICATED = 401
PROJECTED_SECONDS_MAX = 10.0
"""How long a key that is in the log may take until the gateway knows it."""


@dataclass(slots=True)
class FirstKey:
    """`begin` once NATS answers, `finish` once the gateway does; then `credentials` holds a key that opens."""

    home: Home
    supervisor: Supervisor
    environment: Mapping[str, str]
    api_url: str
    known: Secrets
    _issuing: subprocess.Popen[bytes] | None = None

    @property
    def plaintext(self) -> str:
        return self.known.api_key

    def begin(self) -> None:
        """Issue the key when this home has no credentials yet, beside the start of the other parts."""
        if (read_json(self.home.credentials) or {}).get("api_key") != self.known.api_key:
            self._issue()

    def finish(self) -> None:
        """Wait until the key opens the gateway and write the credentials. Raises Problem, Stopped."""
        self._await_issued()
        if not self._opens(PROJECTED_SECONDS_MAX if self._issuing else 1.0):
            # The log lost it or somebody revoked it: issue it again, and if that is not enough, another one.
            for renew in (False, True):
                self.known = renew_key(self.home, self.known) if renew else self.known
                self._issue()
                self._await_issued()
                if self._opens(PROJECTED_SECONDS_MAX):
                    break
            else:
                raise Problem("The gateway refuses a key that was just issued.", tail(self.home, "services"))
        write_json(self.home.credentials, {"api_url": self.api_url, "api_key": self.known.api_key})

    def _issue(self) -> None:
        environment = {**self.environment, "RGRID_API_KEY": self.known.api_key}
        self._issuing = run_module(self.home, "bootstrap", "services.local.bootstrap", environment)

    def _await_issued(self) -> None:
        issuing = self._issuing
        if issuing is None:
            return
        wait_until(
            self.supervisor, self.home, "The first key is issued", "services", lambda: issuing.poll() is not None
        )
        if issuing.returncode != 0:
            raise Problem("The first key could not be issued.", tail(self.home, "bootstrap"))

    def _opens(self, patience_seconds: float) -> bool:
        deadline = time.monotonic() + patience_seconds

        def answered() -> int:
            status = ask(self.api_url, "/api/v1/nodes", self.known.api_key)[0]
            late = time.monotonic() > deadline
            return status if status == 200 or (late and status == UNAUTHENTICATED) else 0

        return bool(wait_until(self.supervisor, self.home, "The gateway knows our key", "gateway", answered) == 200)
