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


def checked_name(name: str) -> str:
    """`name` itself; raises Invalid when it could not be a variable."""
    if not _NAME.fullmatch(name):
        message = f"A secret is named like a variable: letters, digits and _, at most {NAME_CHARS_MAX}, no digit first."
        raise Invalid(message)
    return name
