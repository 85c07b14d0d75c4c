"""The block in a script is edited, and nothing else of it: whatever it looks like."""

import ast
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.deps.edit import edit, uncommented, with_packages
from cli.errors import CliError
from cli.job.block import BLOCK

NAMES = st.sampled_from(["requests", "numpy>=2", "Pillow==11.0", "uvicorn[standard]", 'tomli; python_version < "3.11"'])
LINES = st.lists(
    st.sampled_from(["import os", "x = 1  # é", "", "'''doc'''", "#", "# note", "def f(): pass"]), max_size=6
)
HEADS = st.sampled_from(
    ["", "#!/usr/bin/env python3\n", "# -*- coding: utf-8 -*-\n", "#!/bin/python\n# coding: latin-1\n"]
)
BLOCKS = st.sampled_from(
    [
        "",
        "# /// script\n# dependencies = []\n# ///\n",
        '# /// script\n# requires-python = ">=3.11"\n# ///\n',
        '# /// script\n# dependencies = ["six", \'idna\']\n# [tool.rgrid]\n# cpu = "2"\n# ///\n',
        '# /// script\n# dependencies = [\n#   "six",  # a ] comment, "no"\n#   "Requests>=1"\n# ]\n#\n# [tool.x]\n# y = 1\n'
        "# ///\n",
        '# /// script\n# dependencies = ["six",]\n# ///\n',
        "# /// script\n# dependencies = [ # why\n# ]\n# ///\n",
    ]
)


def dependencies(text):
    return tomllib.loads(uncommented(BLOCK.search(text)["body"])).get("dependencies")


def rest(text):
    found = BLOCK.search(text)
    return text if found is None else text[: found.start()] + text[found.end() :]


@given(HEADS, BLOCKS, LINES, st.lists(NAMES, min_size=1, max_size=4, unique=True), st.sampled_from(["\n", "\r\n"]))
def test_the_packages_are_there_and_all_else_is_as_it_was(head, block, lines, packages, end):
    text = (head + block + "\n".join(lines) + "\n").replace("\n", end)
    made = with_packages(text, packages)
    found = dependencies(made)
    assert set(packages) <= set(found)
    assert len(found) == len({each.lower().split(">")[0].split("=")[0] for each in found})
    if block:
        assert rest(made) == rest(text)
    else:
        assert made.startswith(head.replace("\n", end))
        assert rest(made).replace(end, "").replace("\n", "") == text.replace(end, "").replace("\n", "")
    assert ("\r\n" in made) == (end == "\r\n") and made.count("\n") == made.count(end)
    assert with_packages(made, packages) == made
    ast.parse(made)


def test_a_list_over_several_lines_keeps_its_form():
    text = '# /// script\n# dependencies = [\n#     "six",\n# ]\n# ///\n'
    assert (
        with_packages(text, ["idna"]) == '# /// script\n# dependencies = [\n#     "six",\n#     "idna",\n# ]\n# ///\n'
    )
    assert with_packages(text, ["six>=1"]) == text.replace('"six"', '"six>=1"')


def test_bytes_that_are_no_text_and_the_permissions_survive(tmp_path):
    script = tmp_path / "s.py"
    script.write_bytes(b"#!/usr/bin/python3\r\n# coding: latin-1\r\nprint('\xe9')\r\n")
    script.chmod(0o755)
    assert edit(script, ["six"])
    assert script.read_bytes() == (
        b'#!/usr/bin/python3\r\n# coding: latin-1\r\n# /// script\r\n# dependencies = [\r\n#     "six",\r\n# ]\r\n# ///\r\n'
        b"\r\nprint('\xe9')\r\n"
    )
    assert script.stat().st_mode & 0o777 == 0o755
    assert not edit(script, ["six"])
    assert [each.name for each in tmp_path.iterdir()] == ["s.py"]


def test_a_block_that_is_broken_is_left_alone(tmp_path):
    script = Path(tmp_path / "s.py")
    script.write_text("# /// script\n# dependencies = [\n# ///\n")
    with pytest.raises(CliError, match="is not TOML"):
        edit(script, ["six"])
    assert script.read_text() == "# /// script\n# dependencies = [\n# ///\n"


def test_several_versions_of_one_package_stand_side_by_side():
    both = ["numpy==2.4 ; python_version < '3.12'", "numpy==2.5 ; python_version >= '3.12'"]
    made = with_packages("# /// script\n# dependencies = []\n# ///\n", both)
    assert dependencies(made) == both
    assert with_packages(made, both) == made
