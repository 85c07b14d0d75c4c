"""Why rgrid itself gives up: one class, an exit code, and always what to type next.

CliError                exit 125   rgrid's or the platform's fault
├── UsageProblem        exit 2     what was typed, or what it names, is wrong
├── NotSignedIn         exit 4     no key, an unknown key, or a revoked one
├── Unreachable         exit 125   no grid answers there
└── Interrupted         exit 130   Ctrl-C before anything was queued
"""

from __future__ import annotations

from typing import Any

from . import SCHEMA_VERSION

EXIT_USAGE = 2
EXIT_NOT_SIGNED_IN = 4
EXIT_TIMED_OUT = 124
EXIT_PLATFORM = 125
EXIT_CANCELLED = 130
EXIT_PIPE_CLOSED = 141


class CliError(Exception):
    """What failed and why (`message`), what to type (`hint`), and a stable `code`."""

    exit_code = EXIT_PLATFORM
    code = "CLIENT_FAILED"

    def __init__(self, message: str, hint: str = "", *, code: str = "", answer: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or type(self).code
        self.answer = answer or {}
        """The gateway's own error object (`details`, `request_id`, `docs`), when it sent one."""

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints on stderr."""
        error = {"code": self.code, "message": self.message, "hint": self.hint, "details": {}, **self.answer}
        return {"schema_version": SCHEMA_VERSION, "error": error}


class UsageProblem(CliError):
    exit_code = EXIT_USAGE
    code = "USAGE"


class NotSignedIn(CliError):
    exit_code = EXIT_NOT_SIGNED_IN
    code = "UNAUTHENTICATED"


class Unreachable(CliError):
    code = "UNREACHABLE"


class Interrupted(CliError):
    exit_code = EXIT_CANCELLED
    code = "INTERRUPTED"
