"""What a secret may be: its name, its size, how many an account and a run may have."""

from __future__ import annotations

import re

from domain.errors import Invalid

SECRETS_MAX = 1000
"""Of one account, at a time."""
NAMES_MAX = 10_000
"""That one account gives in its life: the versions of removed ones are remembered."""
PER_RUN_MAX = 100
VALUE_BYTES_MAX = 64 * 1024
VARIABLES_BYTES_MAX = 512 * 1024
"""Of all the secrets that one run gets as variables: Linux takes 2 MiB of arguments and variables, rgrid's arguments 1 MiB."""
NAME_CHARS_MAX = 64
NAME_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{NAME_CHARS_MAX - 1}}}")


_STEERING = re.compile(r"PATH|HOME|TMPDIR|TEMP|TMP|IFS|ENV|BASH_ENV|NODE_OPTIONS|NODE_PATH|(LD_|PYTHON|RGRID_).*")
"""Variables that decide how a script starts and what it loads: a value that nobody sees is none for them."""


def steers(name: str) -> bool:
    """Whether a variable of that name would steer the run instead of being read by the script."""
    return _STEERING.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """`name` itself; raises Invalid when it could not be a variable."""
    if not _NAME.fullmatch(name):
        message = f"A secret is named like a variable: letters, digits and _, at most {NAME_CHARS_MAX}, no digit first."
        raise Invalid(message)
    return name
