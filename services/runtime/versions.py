"""The version of rgrid that runs here, and the oldest nats-server that will do."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("rgrid")
    except PackageNotFoundError:
        return "0+source"


VERSION = _version()
NATS_SERVER_MIN = (2, 14)
"""Older ones lack what the streams are made of; Debian's 2.9 is the one people meet."""
