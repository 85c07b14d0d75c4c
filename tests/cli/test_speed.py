"""What is imported decides how fast a command is; measured in modules, which no busy machine can change."""

import json
import os
import subprocess
import sys

import pytest

HEAVY = ("websockets", "zstandard", "asyncio", "tomllib", "pydantic", "fastapi", "concurrent.futures", "rich", "httpx")

LOOK = """
import sys, json
from cli.main import main
code = main({words!r})
print()
print(json.dumps([code, sorted(sys.modules)]))
"""


@pytest.mark.parametrize(
    "words", [["--version"], ["--help"], ["status", "@last"], ["ps"], ["run", "--help"], ["status", "--help"]]
)
def test_quick_verbs_import_little(words, tmp_path):
    environment = {
        **os.environ,
        "RGRID_HOME": str(tmp_path),
        "RGRID_API_URL": "http://127.0.0.1:9",
        "RGRID_API_KEY": "rgk_x",
    }
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(words=words)], capture_output=True, text=True, env=environment
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code in (0, 125), done.stderr
    found = [name for name in HEAVY if name in modules and words[0] != "run"]
    assert found == []
    assert not {"domain", "projections", "services", "gateway"} & {name.split(".")[0] for name in modules}


def test_every_verb_has_an_example_and_the_table_of_verbs_is_true():
    import click

    from cli.main import VERBS, rgrid

    with click.Context(rgrid) as top:
        for name, words in VERBS.items():
            command = rgrid.get_command(top, name)
            assert command is not None
            assert words
            assert "Examples:" in (command.epilog or ""), name
            for each in getattr(command, "commands", {}).values():
                assert "Examples:" in (each.epilog or ""), f"{name} {each.name}"
