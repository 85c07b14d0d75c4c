"""From a module to a package: the person's environment, then the table, and never a guess."""

from pathlib import Path

import pytest

from cli.deps.decision import ENVIRONMENT, TABLE, decide
from cli.deps.found import found, undeclared
from cli.deps.known import near, packages_of, table
from cli.deps.local import Follower
from cli.errors import UsageProblem
from tests.cli.deps.env import Env


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "work/.git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


@pytest.fixture
def env(tmp_path, monkeypatch):
    return Env(tmp_path / "venv", monkeypatch)


def judge(text):
    script = Path("s.py")
    script.write_text(text)
    return decide(script, Follower(script).follow())


def picked(made):
    return [(each.requirement, each.origin) for each in made.picked]


def test_pins_come_from_the_environment_with_what_those_need_as_bounds(env):
    env.add("pandas", "1.5.3", "pandas/__init__.py", requires=["numpy>=1.2", "python-dateutil; x", "absent"])
    env.add("numpy", "1.26.4", "numpy/__init__.py").add(
        "python-dateutil", "2.8.2", "dateutil/__init__.py", requires=["six"]
    )
    env.add("six", "1.16.0", "six.py").add("other", "1", "other.py")
    made = judge("import pandas")
    assert picked(made) == [("pandas==1.5.3", ENVIRONMENT)]
    assert made.constraints == ["numpy==1.26.4", "python-dateutil==2.8.2", "six==1.16.0"]


def test_the_owner_of_a_module_is_found_by_what_it_brought(env):
    env.add("my-strange-name", "3", "cv2/__init__.py").add("PyYAML", "6.0.1", "yaml/__init__.py", "_yaml/__init__.py")
    env.add("google-cloud-storage", "2.0", "google/cloud/storage/__init__.py")
    env.add("protobuf", "4.1", "google/protobuf/__init__.py")
    env.add("fast", "1", "fastmod.cpython-311-x86_64-linux-gnu.so").add("torch", "2.3.0+cu121", "torch/__init__.py")
    made = judge(
        "import cv2, yaml, fastmod, torch\nfrom google.cloud import storage\nimport google.protobuf.json_format"
    )
    assert [each for each, _ in picked(made)] == [
        *(
            "fast==1",
            "google-cloud-storage==2.0",
            "my-strange-name==3",
            "protobuf==4.1",
            "PyYAML==6.0.1",
            "torch==2.3.0",
        ),
    ]


def test_the_table_knows_what_is_not_installed(env):
    made = judge("import PIL.Image, sklearn.linear_model, yaml, bs4, cv2, dateutil")
    assert [each for each, _ in picked(made)] == [
        *("beautifulsoup4", "opencv-python-headless", "Pillow", "python-dateutil", "PyYAML", "scikit-learn"),
    ]
    assert {origin for _, origin in picked(made)} == {TABLE}


def test_an_unknown_name_is_never_guessed(env):
    with pytest.raises(UsageProblem) as caught:
        judge("import os\nimport pandsa\nimport frobnicate.deep")
    assert caught.value.code == "UNKNOWN_IMPORT"
    assert "s.py imports pandsa (and frobnicate.deep) in line 2" in caught.value.message
    assert "pandsa: did you mean pandas?" in caught.value.hint
    assert "rgrid deps add s.py PACKAGE" in caught.value.hint


def test_a_linked_package_is_no_pin_and_that_is_said(env):
    env.add("mine", "0.1", "mine-finder.pth", url="file:///home/me/mine", top="mine")
    with pytest.raises(UsageProblem) as caught:
        judge("import mine")
    assert "mine is installed from /home/me/mine: take that along with --input." in caught.value.hint
    env.add("requests", "2.0", "requests/__init__.py", url="git+https://x/requests")
    made = judge("import requests")
    assert picked(made) == [("requests", TABLE)]
    assert made.notes == ["requests in your environment came from git+https address: no pin"]


def test_a_module_it_can_do_without_is_taken_only_from_the_environment(env):
    text = "try:\n    import ujson as json\nexcept ImportError:\n    import json\n"
    made = judge(text)
    assert picked(made) == [] and [need.module for need in made.left_out] == ["ujson"]
    env.add("ujson", "5.1", "ujson.cpython-311-x86_64-linux-gnu.so")
    assert picked(judge(text)) == [("ujson==5.1", ENVIRONMENT)]


def test_what_stands_in_is_needed_when_nothing_else_is_there(env):
    text = "try:\n    from yaml import CLoader\nexcept ImportError:\n    from yaml import Loader\n"
    assert picked(judge(text)) == [("PyYAML", TABLE)]
    assert picked(judge("try:\n    import tomllib\nexcept ImportError:\n    import tomli as tomllib\n")) == []
    env.add("PyYAML", "6.0", "yaml/__init__.py")
    assert picked(judge(text)) == [("PyYAML==6.0", ENVIRONMENT)]


def test_without_any_python_the_table_still_serves(monkeypatch, tmp_path):
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert picked(judge("import numpy")) == [("numpy", TABLE)]


def test_what_is_worth_loading_before_it_starts(env):
    Path("s.py").write_text(
        "import numpy as np, PIL.Image\nfrom yaml import x\ndef f():\n    import scipy\nimport helper"
    )
    Path("helper.py").write_text("import requests")
    assert found(Path("s.py")).preload == ["PIL.Image", "numpy", "requests", "yaml"]


def test_the_table_is_sound():
    assert len(table()) >= 150
    for module, packages in table().items():
        assert packages and module.replace(".", "").replace("_", "").isalnum()
    assert packages_of("numpy.linalg") == ("numpy",) and packages_of("google.cloud") == ()
    assert packages_of("PIL") == ("Pillow",) and near("sklaern") == "sklearn" and near("zzzz") == ""


def test_declarations_that_only_other_programs_read_are_named(env):
    Path("poetry.lock").write_text("")
    assert judge("import numpy").notes == [
        "poetry.lock is not read; turn it into one that is: poetry export -o requirements.txt"
    ]
    with pytest.raises(UsageProblem) as caught:
        judge("import frobnicate")
    assert "poetry export" in caught.value.hint


def test_an_import_that_nothing_declared_brings_is_told():
    Path("requirements.txt").write_text("numpy\n")
    Path("s.py").write_text(
        "import numpy, cv2\nimport who_knows\ntry:\n    import yaml\nexcept ImportError:\n    pass\n"
    )
    seen = found(Path("s.py"))
    assert undeclared(seen, {"numpy"}) == ["s.py imports cv2 in line 1, and opencv-python-headless is not in it"]
    assert undeclared(seen, {"numpy", "opencv-python"}) == []
