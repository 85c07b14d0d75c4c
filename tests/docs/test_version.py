"""One version: the command line keeps its own, so that `--version` need not look into the installed package."""

import cli
from services.runtime.versions import VERSION


def test_the_command_line_is_of_this_version() -> None:
    assert cli.__version__ == VERSION
