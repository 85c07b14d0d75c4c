"""Logs that nobody can read: too much, without an end of a line, of bytes that are no text."""

from __future__ import annotations

import pytest

from tests.hostile.arena import LOG_BYTES_MAX, Arena
from tests.hostile.attacks import EVERYWHERE, Attack, each

pytestmark = pytest.mark.asyncio(loop_scope="session")

FLOOD = "import os\npiece = {} * 16\nfor _ in range((1 << 28) // len(piece)): os.write({}, piece)"
BOTH = """
import os
if os.fork() == 0:
    for _ in range(1 << 11): os.write(2, b"e" * (1 << 16))
    os._exit(0)
for _ in range(1 << 11): os.write(1, b"o\\n" * (1 << 15))
os.wait()
"""
TINY = "import os\nfor _ in range(200_000): os.write(1, b'x'); os.write(2, b'\\n')"
NEVER = "import os\nprint('begun')\nwhile True: os.write(1, b'y\\n' * 30_000)"
ESCAPES = r"""
import os
os.write(1, b"\x1b]0;owned\x07\x1b[2J\x1b[?1049h\x1bP+q\x1b\\\x9b31m\x00\x08\x7f\xff\xfe\r\n")
os.write(2, b"\x1b[31mrgrid: it succeeded\x1b[0m\r\x1b[2K\xe2\x80\xae gnihton\n"); raise SystemExit(1)
"""

ATTACKS = [
    Attack("no end of line", FLOOD.format("b'x' * 65536", 1), where=EVERYWHERE),
    Attack("binary", FLOOD.format("os.urandom(65536)", 2), where=EVERYWHERE),
    Attack("ends of lines only", FLOOD.format("b'\\n' * 65536", 1), where=EVERYWHERE),
    Attack("on both streams at once", BOTH, where=EVERYWHERE),
    Attack("in single bytes", TINY, where=EVERYWHERE),
    Attack("without end", NEVER, ends=("CANCELLED",), says="begun", goes_on=0.5, where=EVERYWHERE),
]


@each(ATTACKS)
async def test_a_flood_is_kept_up_to_the_limit(ring: Arena, attack: Attack) -> None:
    execution, result = await ring.attack(attack)
    assert result.log.size_bytes <= LOG_BYTES_MAX + 1000
    if attack.name != "in single bytes":
        assert result.log.dropped_bytes > 0
        assert b"RGRID_LOG_BYTES_MAX" in ring.grid.log(execution, "rgrid")


@each([Attack("tricks of terminals", ESCAPES, ends=("EXIT_CODE",), where=EVERYWHERE)])
async def test_bytes_are_kept_as_they_are_and_the_last_line_is_plain(ring: Arena, attack: Attack) -> None:
    execution, result = await ring.attack(attack)
    assert ring.grid.log(execution, "stdout").startswith(b"\x1b]0;owned\x07\x1b[2J")
    assert result.error_line.isprintable() and "gnihton" in result.error_line
