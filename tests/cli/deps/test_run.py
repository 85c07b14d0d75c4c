"""`rgrid run` and `rgrid deps` as typed: what they say about packages. No grid is needed, and none is started."""

import json
from pathlib import Path

import pytest

from cli.deps.along import take_along
from cli.deps.local import Follower
from cli.errors import UsageProblem
from cli.job.inputs import plan
from cli.job.packages import Packages
from cli.main import answer
from tests.cli.deps.env import Env

HASH = "a" * 64


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "repo/.git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repo")
    monkeypatch.setenv("RGRID_HOME", str(tmp_path / "home"))
    Env(tmp_path / "venv", monkeypatch)
    return tmp_path / "repo"


@pytest.fixture
def said(capfd):
    def run(*words):
        code = answer([*words])
        out, err = capfd.readouterr()
        return code, out, err

    return run


def pinned():
    Path("requirements.txt").write_text(f"six==1.16.0 --hash=sha256:{HASH}\n")


def test_the_plan_shows_the_environment(said):
    pinned()
    Path("s.py").write_text("import six, helper, yaml\n")
    Path("helper.py").write_text("")
    code, out, err = said("run", "s.py", "--dry-run")
    assert code == 0
    assert "environment python, 1 package from requirements.txt (lock known) · no network" in out
    assert "modules     1 file of yours taken along: helper.py" in out and "files       2 files" in out
    assert "requirements.txt: s.py imports yaml in line 1, and PyYAML is not in it" in err


def test_json_carries_it(said):
    pinned()
    Path("s.py").write_text("import six\n")
    words = (
        "run",
        "s.py",
        "--dry-run",
        "--json",
        "--allow-builds",
        "--cold",
        "--image",
        "python:3",
        "--runtime",
        "python3.12",
    )
    plan = json.loads(said(*words)[1])["plan"]
    environment = plan["environment"]
    assert (environment["kind"], environment["source"], environment["builds"]) == ("python", "requirements.txt", True)
    assert environment["imports"] == ["six"] and environment["lock"]["path"] == "requirements.lock"
    assert (plan["cold"], plan["image"], plan["interpreter"]) == (True, "python:3", "3.12")


def test_settings_of_the_script_and_the_project_count(said):
    pinned()
    Path("pyproject.toml").write_text("[tool.rgrid]\nno-deps = true\n")
    Path("s.py").write_text("import six\n")
    assert "the standard library alone" in said("run", "s.py", "--dry-run")[1]
    Path("pyproject.toml").unlink()
    Path("other.txt").write_text(f"a==1 --hash=sha256:{HASH}\nb==1 --hash=sha256:{HASH}\n")
    Path("s.py").write_text('# /// script\n# [tool.rgrid]\n# requirements = "other.txt"\n# ///\nimport six\n')
    assert "2 packages from other.txt" in said("run", "s.py", "--dry-run")[1]


def test_without_packages_the_modules_of_ones_own_still_go_along(said):
    Path("s.py").write_text("import helper, frobnicate\n")
    Path("helper.py").write_text("")
    assert said("run", "s.py", "--dry-run")[0] == 2
    code, out, _ = said("run", "s.py", "--dry-run", "--no-deps")
    assert code == 0 and "1 file of yours" in out and "the standard library alone" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run s.py --no-deps --requirements x", "--requirements names packages, --no-deps wants none"),
        ("run s.py --requirements absent.txt", "absent.txt cannot be read"),
        ("run s.py --requirements .", "--requirements . is a folder"),
        ("run s.py --runtime python2", "There is no runtime 'python2'"),
        ("run s.py --dry-run", "s.py imports frobnicate in line 1"),
        ("deps add s.py -- ;", "';' is no package"),
        ("deps add s.py x@https://y/z", "asks for a place instead of a package"),
        ("deps add s.sh six", "is no Python script"),
        ("deps show s.sh", "it has no packages"),
        ("deps show none.py", "does not exist"),
        ("deps show s.py", "imports frobnicate"),
    ],
)
def test_errors_say_what_to_type(said, words, message):
    Path("s.py").write_text("import frobnicate\n")
    Path("s.sh").write_text("#!/bin/sh\n")
    code, out, err = said(*words.split())
    assert (code, out) == (2, "") and message in err, err
    assert Path("s.py").read_text() == "import frobnicate\n"


def test_show_says_what_was_found_and_why(said):
    pinned()
    Path("s.py").write_text("import six\ndef f():\n    import yaml\n")
    code, out, _ = said("deps", "show", "s.py")
    assert code == 0
    assert [line.split(None, 1) for line in out.splitlines()] == [
        ["script", "s.py · python"],
        ["declared", "requirements.txt"],
        ["asked", "six==1.16.0"],
        ["lock", "1 package, known: it was locked before"],
        ["imports", "six · s.py:1"],
        ["imports", "yaml · s.py:3 (sometimes)"],
        ["pinned", "six 1.16.0"],
    ]
    made = json.loads(said("deps", "show", "s.py", "--json")[1])
    assert made["source"] == "requirements.txt" and made["packages"][0]["name"] == "six" and made["schema_version"] == 1


def test_add_and_write(said):
    Path("s.py").write_text("#!/usr/bin/env python3\nprint(1)\n")
    assert said("deps", "write", "s.py")[2].startswith("✔ unchanged")
    assert said("deps", "add", "s.py", "six>=1", "idna")[0] == 0
    assert Path("s.py").read_text() == (
        '#!/usr/bin/env python3\n# /// script\n# dependencies = [\n#     "six>=1",\n#     "idna",\n# ]\n# ///\n\nprint(1)\n'
    )
    assert json.loads(said("deps", "add", "s.py", "idna", "--json")[1])["changed"] is False


def test_what_was_found_by_imports_goes_into_a_new_block(said):
    Path("s.py").write_text("import six, yaml, nobody_knows_this\n")
    code, _, err = said("deps", "add", "s.py", "six>=1", "idna")
    assert code == 0 and "PyYAML: found by its imports until now" in err
    assert '# dependencies = [\n#     "PyYAML",\n#     "six>=1",\n#     "idna",\n# ]\n' in Path("s.py").read_text()


def test_a_new_block_that_hides_a_file_is_told(said):
    pinned()
    Path("s.py").write_text("import six\n")
    assert "requirements.txt does not" in said("deps", "add", "s.py", "idna")[2]


def test_what_is_to_be_typed_next_can_be_pasted(said):
    Path("my work").mkdir()
    Path("my work/a b.py").write_text("print(1)\n")
    assert "rgrid run 'my work/a b.py'" in said("deps", "add", "my work/a b.py", "six")[2]


def test_a_conflict_is_shown_with_what_was_found(said, monkeypatch):
    def contradicts(*words, **more):
        raise UsageProblem("They contradict each other.", code="PACKAGE_CONFLICT")

    Path("requirements.txt").write_text("six<1\nsix>2\n")
    Path("s.py").write_text("import six\n")
    monkeypatch.setattr("cli.deps.report.locked_from", contradicts)
    code, out, err = said("deps", "show", "s.py")
    assert code == 2 and "asked       six<1, six>2" in out and "imports     six · s.py:1" in out
    assert "They contradict each other" in err


def test_a_node_script_is_shown_too(said):
    Path("m.mjs").write_text("import 'a'")
    Path("package.json").write_text('{"dependencies": {"a": "1"}}')
    lock = {"lockfileVersion": 3, "packages": {"": {}, "node_modules/a": {"version": "1", "integrity": "sha512-x"}}}
    Path("package-lock.json").write_text(json.dumps(lock))
    code, out, _ = said("deps", "show", "m.mjs")
    assert code == 0 and "declared    package-lock.json" in out and "imports     a · m.mjs:1" in out


def along(script):
    files = plan(Path(script), [], [], [])
    made = Packages(search=take_along(files, Path(script), Follower(Path(script)).follow().files)[1])
    body = {"env": {"PYTHONPATH": "own"}} if made.search else {}
    made.into(body)
    return sorted(files.files), files.script, body.get("env", {}).get("PYTHONPATH")


def tree(files):
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def test_modules_keep_their_place_and_those_of_the_project_are_found_by_a_search_path(monkeypatch):
    tree({"pyproject.toml": "", "jobs/main.py": "import near, mine, top", "jobs/near.py": "", "top.py": ""})
    tree({"src/mine/__init__.py": ""})
    assert along("jobs/main.py") == (["jobs/near.py", "src/mine/__init__.py", "top.py"], "jobs/main.py", "own:src:.")
    monkeypatch.chdir("jobs")
    files, script, search = along("main.py")
    assert (files, script) == (["imports/repo/top.py", "imports/src/mine/__init__.py", "near.py"], "main.py")
    assert search == "own:imports/src:imports/repo"
    monkeypatch.chdir("../src")
    files, script, search = along("../jobs/main.py")
    assert (files, script) == (["imports/repo/top.py", "mine/__init__.py", "near.py"], "main.py")
    assert search == "own:.:imports/repo"


def test_a_module_in_the_place_of_another_is_there_before_anything_is_loaded(said):
    pinned()
    for name, cold in (("helper", None), ("random", True), ("six", True)):
        Path("s.py").write_text(f"import {name}\n")
        Path(f"{name}.py").write_text("")
        assert json.loads(said("run", "s.py", "--dry-run", "--json")[1])["plan"].get("cold") is cold


def test_a_script_for_a_newer_python_is_not_judged_by_ours(said):
    Path("s.py").write_text("# /// script\n# requires-python = '>=3.99'\n# dependencies = []\n# ///\nnew syntax here\n")
    code, out, err = said("run", "s.py", "--dry-run", "--runtime", "python3.99")
    assert code == 0 and "python3.99" in out and "s.py goes along unread: it is written for a newer Python" in err
    Path("s.py").write_text("new syntax here\n")
    assert said("run", "s.py", "--dry-run")[0] == 2
