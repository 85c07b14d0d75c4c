"""The version of rgrid that runs here."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def _version() -> str:
    try:
        return version("rgrid")
    except PackageNotFoundError:
        return "0+source"


VERSION = _version()
