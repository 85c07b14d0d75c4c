"""The same as a user without rights, who has other namespaces and no control groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.fixtures.ordinary_user import CHECKOUT, OrdinaryUser, python_for_nobody

HERE = Path(__file__).parent


@pytest.mark.skipif(os.geteuid() != 0, reason="everything here runs as an ordinary user already")
@pytest.mark.parametrize("name", ["test_apart.py", "test_same.py"])
def test_as_an_ordinary_user(needs_bubblewrap: None, ordinary: OrdinaryUser, name: str) -> None:
    if python_for_nobody() is None:
        pytest.skip("there is no Python that user nobody can run")
    options = ("-q", "-p", "no:cacheprovider", "-c", str(CHECKOUT / "pyproject.toml"), "--rootdir", str(CHECKOUT))
    base, which = ("--basetemp", str(ordinary.home / "tests")), ("-k", "not buffered or unbuffered")
    done = ordinary.python("-m", "pytest", *options, *base, *which, str(HERE / name), TMPDIR=str(ordinary.home))
    assert done.returncode == 0, done.stdout[-3000:]
