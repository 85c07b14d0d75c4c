"""Node scripts: what they import is read as JavaScript, what they may install stands in a package-lock.json."""

import json
from pathlib import Path

import pytest

from cli.deps.node.imports import follow, package_of, specifiers
from cli.deps.node.project import project
from cli.deps.node.ready import node
from cli.deps.node.tokens import tokens
from cli.errors import UsageProblem
from cli.job.inputs import plan
from cli.job.packages import Packages


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "repo/.git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repo")
    return tmp_path / "repo"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a from 'a'; import { b } from \"b/c\"\nimport 'd'", ["a", "b/c", "d"]),
        ("const x = require('a'), y = await import('b')", ["a", "b"]),
        ("export * from './x.js'; export { y } from 'y'", ["./x.js", "y"]),
        ("// import 'no'\n/* require('no') */ import 'yes'", ["yes"]),
        (
            "const s = \"require('no')\"; const t = `import 'no' ${require('yes')} ' // ${`${1}`}`; import 'too'",
            ["yes", "too"],
        ),
        ("const r = /require('no')[/']/g; const d = a / b / require('yes')", ["yes"]),
        ("return /'/.test(x) && require('yes')", ["yes"]),
        ("foo.require('no'); import.meta.url; import(name); require(name)", []),
        ("#!/usr/bin/env node\nimport 'yes'", ["yes"]),
        ("const o = { a: { b: `x` } }; f`tagged ${ { c: 1 } } end`; import 'yes'", ["yes"]),
        ("'unclosed\nimport 'yes'", ["yes"]),
        ("/* never closed import 'no'", []),
        ("`never closed ${ import('yes')", ["yes"]),
        ("import type from\n\n'yes'", ["yes"]),
    ],
)
def test_what_javascript_imports(text, names):
    assert [name for name, _ in specifiers(text)] == names


def test_any_text_comes_to_an_end():
    for text in ("`" * 9, "${" * 9, "/" * 9, "}" * 9, "'\\", "`\\", "/[", "\u2028\u3042", '"' * 7):
        assert list(tokens(text)) is not None


def test_lines_are_counted():
    assert specifiers("/*\n\n*/ `\n`\nimport 'x'") == [("x", 5)]


@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("fs", ""),
        ("fs/promises", ""),
        ("node:test", ""),
        ("lodash/fp", "lodash"),
        ("@a/b/c", "@a/b"),
        ("#x", ""),
        ("data:x", ""),
    ],
)
def test_the_package_of_a_name(name, package):
    assert package_of(name) == package


def package(folder=".", lock=3, packages=None, **more):
    Path(folder).mkdir(exist_ok=True)
    Path(folder, "package.json").write_text(json.dumps({"name": "x", **more}))
    if lock:
        found = {"": {}, "node_modules/a": {"version": "1", "integrity": "sha512-x"}, **(packages or {})}
        Path(folder, "package-lock.json").write_text(json.dumps({"lockfileVersion": lock, "packages": found}))


def ready(script="main.mjs"):
    made, files = Packages(), plan(Path(script), [], [], [])
    node(made, Path(script), files)
    return made, sorted(files.files)


def test_a_project_goes_along_with_its_own_modules():
    package(dependencies={"a": "1"}, type="module")
    Path("lib").mkdir()
    Path("main.mjs").write_text(
        "import 'a'; import './lib/x'; import './lib'; import './data.json'; import './gone.js'"
    )
    Path("lib/x.js").write_text("import '../main.mjs'; import fs from 'fs'")
    Path("lib/index.js").write_text("")
    Path("data.json").write_text("{}")
    made, files = ready()
    assert files == ["data.json", "lib/index.js", "lib/x.js", "package.json"]
    assert made.words == "1 package from package-lock.json"
    assert made.fields["environment"]["lock"]["path"] == "package-lock.json"
    assert made.fields["environment"]["kind"] == "node" and len(made.blobs) == 1


def test_the_nearest_package_json_says_the_kind_of_modules_and_one_above_it_the_packages():
    package(dependencies={"a": "1"})
    package("sub", lock=0, type="module")
    Path("sub/main.js").write_text("import 'a'")
    found = project(Path("sub/main.js"), follow(Path("sub/main.js")).packages)
    assert (found.package, found.lock) == (Path.cwd() / "sub/package.json", Path.cwd() / "package-lock.json")
    assert ready("sub/main.js")[1] == ["sub/package.json"]


def test_a_script_that_imports_nothing_needs_nothing():
    Path("main.mjs").write_text("import 'node:fs'")
    made, files = ready()
    assert (files, made.fields, made.words) == ([], {}, "no dependencies")


@pytest.mark.parametrize(
    ("setup", "code", "words"),
    [
        (lambda: None, "UNKNOWN_IMPORT", "npm init -y && npm install --package-lock-only a"),
        (lambda: package(lock=0), "UNKNOWN_IMPORT", "npm install --package-lock-only a"),
        (lambda: package(lock=0, dependencies={"a": "1"}), "LOCKFILE_MISSING", "npm install --package-lock-only"),
        (
            lambda: (package(lock=0, dependencies={"a": "1"}), Path("yarn.lock").touch()),
            *("LOCKFILE_MISSING", "there is a yarn.lock"),
        ),
        (lambda: package(lock=1, dependencies={"a": "1"}), "LOCKFILE_MISSING", "is of version 1"),
        (
            lambda: package(
                packages={"node_modules/b": {"resolved": "file:../b", "link": True}}, dependencies={"a": "1"}
            ),
            *("DIRECT_REFERENCE", "takes b from a folder"),
        ),
        (lambda: Path("package.json").write_text("{"), "REQUIREMENTS_INVALID", "package.json is not JSON"),
    ],
)
def test_what_is_missing_is_said_with_what_to_type(setup, code, words):
    Path("main.mjs").write_text("\nimport 'a'")
    setup()
    with pytest.raises(UsageProblem) as caught:
        ready()
    assert caught.value.code == code
    assert words in caught.value.message + caught.value.hint
