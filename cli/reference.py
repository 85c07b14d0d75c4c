"""`python -m cli.reference` writes docs/cli.md from the commands themselves; a test fails when that page is stale."""

from __future__ import annotations

from pathlib import Path

import click

from .main import VERBS, rgrid

PAGE = Path(__file__).parent.parent / "docs" / "cli.md"
HEAD = """# The command line

This page is generated from the commands (`python -m cli.reference`).

Exit codes: the script's own; 2 wrong usage, 4 not signed in, 124 timed out, 125 rgrid's or the platform's fault, 130
cancelled. `run`, `attach`, `wait` and `logs -f` answer the same code. A signal that ended the script is 128 + its number.

stdout carries the script's stdout, or the answer of the verb; everything else goes to stderr. `--json` prints one object,
or one object a line, each with `schema_version`; errors are then an object on stderr. An id may be cut to any unique
prefix, and `@last` is the last execution.

Settings of `run`, strongest first: the flag, `RGRID_<OPTION>`, `[tool.rgrid]` in the script's PEP 723 block, `rgrid.toml` or
`[tool.rgrid]` in `pyproject.toml` (nearest one up to the root of the repository), `$RGRID_HOME/config.toml`. The keys are
the option names: `timeout = "5m"`, `tag = ["exp=a"]`.
"""


def page() -> str:
    """The whole page."""
    sections = [HEAD]
    with click.Context(rgrid, info_name="rgrid") as top:
        for name in VERBS:
            command = rgrid.get_command(top, name)
            assert command is not None
            sections += section(command, name, top)
    return "\n".join(sections).rstrip() + "\n"


def section(command: click.Command, name: str, above: click.Context) -> list[str]:
    """A command's help as a section, followed by those of its own verbs."""
    context = click.Context(command, info_name=name, parent=above, max_content_width=100, terminal_width=100)
    context.help_option_names = ["-h", "--help"]
    with context:
        texts = [f"## {context.command_path}\n", f"```\n{command.get_help(context).rstrip()}\n```\n"]
        if isinstance(command, click.Group):
            for each in command.list_commands(context):
                below = command.get_command(context, each)
                assert below is not None
                texts += section(below, each, context)
    return texts


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
