"""Quantities as people write them: money exact to the micro-euro, durations, sizes, local times; and back again."""

from __future__ import annotations

import re
from datetime import datetime

SIZE_UNITS = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
MEMORY_BYTES_MIN = 16 * 1024**2
REFERENCE = "cx23"
"""The node that `equivalent_micros` are of: the cheapest in the cloud."""
TIME_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def money(micros: int | None) -> str:
    """`€0.000042`, exact; a dash when it is not known yet."""
    if micros is None:
        return "-"
    whole, rest = divmod(abs(micros), 1_000_000)
    return f"{'-' if micros < 0 else ''}€{whole}.{rest:06d}"


def about(micros: int | None) -> str:
    """`about €0.000042`; what rounds to nothing is less than the smallest amount."""
    return "less than €0.000001" if micros == 0 else f"about {money(micros)}"


def memory(count: int | None) -> str:
    """`2 GiB`, as limits of memory are set; other sizes as `size` says them."""
    for unit, one in (("GiB", 1024**3), ("MiB", 1024**2)):
        if count and count % one == 0:
            return f"{count // one:,} {unit}"
    return size(count)


def size(count: int | None) -> str:
    """`148 KB`: decimal units, two digits at least."""
    if count is None:
        return "-"
    value, unit = float(count), "B"
    for following in ("KB", "MB", "GB", "TB"):
        if round(value) < 1000:
            break
        value, unit = value / 1000, following
    return f"{value:.0f} {unit}" if unit == "B" or value >= 10 else f"{value:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """`4 ms`, `0.42 s`, `12.3 s`, `3m 05s`, `2h 04m`."""
    if seconds is None:
        return "-"
    if seconds < 0.1:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 9.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest:02d}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}m" if hours < 48 else f"{hours // 24}d {hours % 24:02d}h"


def count(number: int, noun: str) -> str:
    """`1 file`, `1,234 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def moment(text: str | None) -> datetime | None:
    """An ISO 8601 time of the API as a local one."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone() if text else None


def clock(text: str | None, *, millis: bool = False) -> str:
    """`2026-11-20 18:35:04` in local time."""
    at = moment(text)
    if at is None:
        return "-"
    return at.strftime("%Y-%m-%d %H:%M:%S") + (f".{at.microsecond // 1000:03d}" if millis else "")


def brief(text: str | None) -> str:
    """`18:35:04` today, else `11-20 18:35`; local time."""
    at = moment(text)
    if at is None:
        return "-"
    return at.strftime("%H:%M:%S" if at.date() == datetime.now().astimezone().date() else "%m-%d %H:%M")


def zoned(text: str | None) -> str:
    """`2026-11-20 18:35:04 CET`: local time and its zone."""
    at = moment(text)
    return f"{clock(text)} {at.tzname() or ''}".rstrip() if at else "-"


def between(start: str | None, end: str | None) -> float | None:
    """Seconds from one ISO time to another; None when one of them has not come."""
    first, last = moment(start), moment(end)
    return (last - first).total_seconds() if first and last else None


def parse_size(text: str) -> int:
    """Bytes from `2g`, `512m`, `1.5GiB`, `1048576`; units count in 1024. Raises ValueError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    if not found or float(found[1]) <= 0:
        raise ValueError(f"{text!r} is not a size; write for example 512m or 2g")
    return int(float(found[1]) * SIZE_UNITS[found[2]])


def parse_memory(text: str) -> int:
    """`parse_size`, but never less than a script can start in. Raises ValueError."""
    found = parse_size(text)
    if found < MEMORY_BYTES_MIN:
        meant = f"; did you mean {text.strip()}g?" if text.strip().isdecimal() else ""
        raise ValueError(f"{text!r} is less than {memory(MEMORY_BYTES_MIN)}, too little to start anything{meant}")
    return found


def parse_duration(text: str) -> float:
    """Seconds from `90`, `5m`, `1h`, `1h30m`, `7d`. Raises ValueError."""
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw]?)", text.strip().lower())
    if not parts or "".join(number + unit for number, unit in parts) != re.sub(r"\s", "", text.lower()):
        raise ValueError(f"{text!r} is not a duration; write for example 90, 5m or 1h")
    seconds = sum(float(number) * TIME_UNITS[unit] for number, unit in parts)
    if seconds <= 0:
        raise ValueError(f"{text!r} is not a duration above zero")
    return seconds


def parse_cpu(text: str) -> int:
    """Thousandths of a core from `2`, `0.5`, `500m`. Raises ValueError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(m?)", text.strip().lower())
    millis = round(float(found[1]) * (1 if found[2] else 1000)) if found else 0
    if millis <= 0:
        raise ValueError(f"{text!r} is not a number of cores; write for example 2, 0.5 or 500m")
    return millis
