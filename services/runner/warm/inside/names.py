"""Puts a script's name where the interpreter looks for it: in place of the one that the zygote was started with.

The interpreter keeps what it was told to run as wide strings in its own memory, and looks there when its start is done.
"""

from __future__ import annotations

import ctypes

NAME_CHARS = 512
BEGIN, REST = "zygote", "."
PLACEHOLDER = BEGIN.ljust(NAME_CHARS, REST)
"""The interpreter is told to run this."""
WIDE_BEGIN, WIDE_REST = BEGIN.encode("utf-32-le"), (REST * (NAME_CHARS - len(BEGIN))).encode("utf-32-le")
"""Kept apart, so that what is looked for is not found where it is looked from."""
PIECE_BYTES_MAX = 64 * 1024 * 1024


def placeholders() -> list[int]:
    """Addresses of all copies. To be looked for early, while there is little memory to look through."""
    found = []
    with open("/proc/self/maps") as maps, open("/proc/self/mem", "rb", 0) as memory:  # noqa: PTH123
        for line in maps.read().splitlines():
            place, mode, *_ = line.split()
            begin, end = (int(part, 16) for part in place.split("-"))
            if mode.startswith("rw") and "[v" not in line and end - begin <= PIECE_BYTES_MAX:
                memory.seek(begin)
                piece = memory.read(end - begin)
                found += [begin + at for at in _places(piece)]
    return found


def _places(piece: bytes) -> list[int]:
    found, at = [], piece.find(WIDE_BEGIN)
    while at >= 0:
        if piece.startswith(WIDE_REST, at + len(WIDE_BEGIN)):
            found.append(at)
        at = piece.find(WIDE_BEGIN, at + 4)
    return found


def put(script: str, addresses: list[int]) -> None:
    """Every copy that is still there now says `script` (less than NAME_CHARS characters)."""
    wide = (script + "\0").encode("utf-32-le", "surrogateescape")
    for address in addresses:
        rest = address + len(WIDE_BEGIN)
        if (
            ctypes.string_at(address, len(WIDE_BEGIN)) == WIDE_BEGIN
            and ctypes.string_at(rest, len(WIDE_REST)) == WIDE_REST
        ):
            ctypes.memmove(address, wide, len(wide))
