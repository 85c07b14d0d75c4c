"""What doctor makes of the gateway's words about the grid."""

from __future__ import annotations

from typing import Any

from services.local.checks_grid import _inside

LAST = {
    "service": "meter",
    "stream": "EVENTS",
    "position": 812,
    "subject": "rgrid.ev.local.execution.exec_x.finished",
    "error": "KeyError: 'cx1'",
    "at_us": 1_700_000_000_000_000,
    "deliveries": 5,
}


def about(**changes: Any) -> dict[str, Any]:
    waiting = {"consumer": "service-meter", "pending": 0, "unacknowledged": 1}
    streams = [{"stream": "EVENTS", "messages": 1812, "size_bytes": 2_345_678, "consumers": [waiting]}]
    return {
        "positions": {"log": 1812, "projected": 1811, "lag": 1},
        "parked": {"count": 0, "last": None},
        "streams": streams,
    } | changes


def test_a_healthy_grid_is_three_quiet_rows() -> None:
    rows = {row.name: row for row in _inside(about())}
    assert {row.state for row in rows.values()} == {"ok"}
    assert rows["projector"].message == "at position 1,811 of 1,812 · 1 behind"
    assert rows["streams"].message == "EVENTS 1,812 (2.35 MB) · 1 waiting"


def test_who_does_not_keep_up_is_named() -> None:
    waiting = {"consumer": "service-meter", "pending": 40_000, "unacknowledged": 64}
    streams = [{"stream": "EVENTS", "messages": 50_000, "size_bytes": 10**8, "consumers": [waiting]}]
    positions = {"log": 50_000, "projected": 10_000, "lag": 40_000}
    rows = {row.name: row for row in _inside(about(streams=streams, positions=positions))}
    assert rows["projector"].state == rows["streams"].state == "warn"
    assert "service-meter 40,064" in rows["streams"].fix


def test_the_last_parked_event_is_named() -> None:
    *_, row = _inside(about(parked={"count": 3, "last": LAST}))
    assert (row.state, row.message) == ("fail", "3 parked, the last at 2023-11-14 22:13:20 UTC")
    assert "meter could not digest position 812 of EVENTS" in row.fix and "KeyError: 'cx1'" in row.fix
