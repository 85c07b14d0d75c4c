"""Modules of one's own are found as Python would find them, and followed."""

from pathlib import Path

import pytest

from cli.deps.local import Follower
from cli.deps.scan import NESTED, OPTIONAL, TOP


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "repo/.git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repo")
    return tmp_path / "repo"


def tree(files):
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def follow(script="main.py"):
    found = Follower(Path(script)).follow()
    here = Path.cwd()
    return (
        sorted(path.relative_to(here).as_posix() for path in found.files),
        {n.module: n.need for n in found.needs},
        found,
    )


def test_packages_relative_imports_and_namespaces():
    tree(
        {
            "main.py": "import os, helper\nfrom pkg.deep import thing\nimport space.inner\nimport data\nimport pandas",
            "helper.py": "import numpy\nimport main",
            "pkg/__init__.py": "",
            "pkg/deep/__init__.py": "from .thing import x\nfrom ..side import *",
            "pkg/deep/thing.py": "def f():\n    import requests",
            "pkg/side.py": "from . import other, missing",
            "pkg/other.py": "",
            "pkg/unused.py": "import never",
            "space/inner.py": "",
            "data/table.csv": "",
        }
    )
    files, needs, _ = follow()
    assert files == [
        *("helper.py", "pkg/__init__.py", "pkg/deep/__init__.py", "pkg/deep/thing.py", "pkg/other.py", "pkg/side.py"),
        "space/inner.py",
    ]
    assert needs == {"data": TOP, "pandas": TOP, "numpy": TOP, "requests": NESTED}


def test_a_file_beside_the_script_takes_the_place_of_the_standard_library_and_of_packages():
    tree(
        {
            "main.py": "import random, sys, numpy, os",
            "random.py": "",
            "sys.py": "",
            "numpy/__init__.py": "",
            "os.py": "",
        }
    )
    assert follow()[:2] == (["numpy/__init__.py", "random.py"], {})


def test_the_project_and_its_src_are_looked_into_but_never_for_the_standard_library():
    tree(
        {
            "pyproject.toml": "",
            "scripts/main.py": "import mine, json, top",
            "src/mine/__init__.py": "",
            "json.py": "",
            "top.py": "",
            "src/json.py": "",
        }
    )
    files, needs, found = follow("scripts/main.py")
    assert (files, needs) == (["src/mine/__init__.py", "top.py"], {})
    assert {root.name for root in found.files.values()} == {"src", "repo"}


def test_what_a_module_needs_is_needed_as_badly_as_the_module():
    tree(
        {
            "main.py": "try:\n    import extra\nexcept ImportError:\n    pass\ndef f():\n    import later",
            "extra.py": "import torch",
            "later.py": "import scipy",
        }
    )
    assert follow()[1] == {"torch": OPTIONAL, "scipy": NESTED}


def test_a_circle_ends_and_the_stronger_need_counts():
    tree({"main.py": "def f():\n    import a\nimport b", "a.py": "import x, b", "b.py": "import a"})
    assert follow()[:2] == (["a.py", "b.py"], {"x": TOP})


def test_a_module_that_cannot_be_read_goes_along_and_is_told():
    tree({"main.py": "import broken, binary", "broken.py": "def", "binary.py": ""})
    Path("binary.py").write_bytes(b"\x00\xff")
    files, _, found = follow()
    assert files == ["binary.py", "broken.py"]
    assert found.unread[Path.cwd() / "broken.py"] == "it is not valid Python (line 1)"


def test_a_package_goes_before_a_module_and_a_compiled_module_is_taken():
    from cli.deps.local import COMPILED

    tree({"main.py": "import both, fast", "both/__init__.py": "", "both.py": "", f"fast{COMPILED[0]}": ""})
    assert follow()[0] == ["both/__init__.py", f"fast{COMPILED[0]}"]


def test_a_script_that_is_a_link_finds_the_modules_beside_its_target():
    tree({"real/tool.py": "import near", "real/near.py": ""})
    Path("tool.py").symlink_to("real/tool.py")
    assert follow("tool.py")[:2] == (["real/near.py"], {})


def test_a_script_that_is_too_large_is_not_read(monkeypatch):
    import cli.deps.local as module
    from cli.deps.found import found

    monkeypatch.setattr(module, "SOURCE_BYTES_MAX", 10)
    tree({"main.py": "import numpy, helper", "helper.py": ""})
    seen = found(Path("main.py"))
    assert seen.wanted is None and "is larger than" in seen.followed.unread[Path("main.py")]


def test_ones_own_search_path_counts_within_the_project(monkeypatch, tmp_path):
    tree({"jobs/main.py": "import inner, outer", "lib/inner.py": "", str(tmp_path / "elsewhere/outer.py"): ""})
    monkeypatch.setenv("PYTHONPATH", f"lib:{tmp_path / 'elsewhere'}:")
    assert follow("jobs/main.py")[:2] == (["lib/inner.py"], {"outer": TOP})
