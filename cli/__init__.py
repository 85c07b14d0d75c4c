"""The command `rgrid`: what a person types. Speaks HTTP and WebSocket only; imports nothing else of rgrid."""

__version__ = "0.1.0"
SCHEMA_VERSION = 1
"""The version of every JSON object that `--json` prints."""
