"""What is written down: which of several places counts, and what a requirements file may say."""

import json
from pathlib import Path

import pytest

from cli.deps.declared import declared
from cli.deps.expand import expanded
from cli.deps.locking import locked, stored
from cli.deps.pins import read_lock
from cli.deps.pylock import read_pylock
from cli.deps.requirements import read_requirements
from cli.errors import CliError, UsageProblem

ONE, TWO = "a" * 64, "b" * 64
BLOCK = '# /// script\n# requires-python = ">=3.12"\n# dependencies = ["six"]\n# ///\n'


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "repo/.git").mkdir(parents=True)
    (tmp_path / "repo/sub").mkdir()
    (tmp_path / "requirements.txt").write_text("outside")
    monkeypatch.chdir(tmp_path / "repo")
    monkeypatch.setenv("RGRID_HOME", str(tmp_path / "home"))
    Path("sub/s.py").write_text("import six\n")
    return tmp_path / "repo"


def source(requirements=""):
    found = declared(Path("sub/s.py"), requirements)
    return found.source if found else None


def test_the_order_of_the_places():
    assert source() is None
    Path("pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["six"]\nrequires-python = ">=3.13"\n')
    assert source() == "pyproject.toml"
    assert declared(Path("sub/s.py"), "").requires_python == ">=3.13"
    Path("requirements-prod.txt").write_text("six")
    Path("requirements-dev.txt").write_text("pytest")
    assert source() == "requirements-prod.txt"
    Path("requirements.txt").write_text("six")
    assert source() == "requirements.txt"
    Path("pylock.toml").write_text('requires-python = ">=3.9"\n')
    assert source() == "pylock.toml"
    Path("uv.lock").write_text('version = 1\nrequires-python = ">=3.12"\n')
    assert (source(), declared(Path("sub/s.py"), "").requires_python) == ("uv.lock", ">=3.12")
    Path("sub/requirements.txt").write_text("six")
    assert source() == "sub/requirements.txt"
    Path("sub/s.py").write_text(BLOCK)
    assert source() == "the block in s.py"
    Path("sub/s.py.lock").write_text("")
    assert source() == "the lock s.py.lock"
    assert source("requirements.txt") == "requirements.txt"


def test_a_file_that_only_sets_up_tools_declares_nothing():
    Path("pyproject.toml").write_text("[tool.ruff]\n")
    assert source() is None


def test_nothing_above_the_repository_counts_and_nothing_where_everybody_may_write(folder):
    assert source() is None
    (folder / ".git").rmdir()
    assert source() == "../requirements.txt"
    folder.parent.chmod(0o777)
    assert source() is None
    folder.parent.chmod(0o755)


def test_a_home_folder_is_not_looked_into(folder, monkeypatch):
    (folder / ".git").rmdir()
    monkeypatch.setenv("HOME", str(folder.parent))
    assert source() is None


@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        (
            {"requirements-a.txt": "", "requirements-b.txt": ""},
            "REQUIREMENTS_INVALID",
            "Which of them is for the script?",
        ),
        ({"pyproject.toml": "[project]\nname='x'\ndynamic=['dependencies']"}, "REQUIREMENTS_INVALID", "leaves its"),
        ({"pyproject.toml": "[project]\ndependencies='six'"}, "REQUIREMENTS_INVALID", "no list of strings"),
        ({"pyproject.toml": "[project"}, "REQUIREMENTS_INVALID", "is not TOML"),
        (
            {"pyproject.toml": "[project]\ndependencies=['a @ git+https://u:secret@x/y']"},
            "DIRECT_REFERENCE",
            "://***@x/y",
        ),
        (
            {"pyproject.toml": "[project]\ndependencies=['a']\n[tool.uv.sources]\na={git='https://x/y'}"},
            *("DIRECT_REFERENCE", "a (tool.uv.sources)"),
        ),
        ({"requirements.txt": "a @ https://x/y.whl"}, "DIRECT_REFERENCE", "asks for a place instead of a package"),
        ({"requirements.txt": "numpy @ file:///croot/numpy_1/work"}, "DIRECT_REFERENCE", "a file of one machine"),
        ({"requirements.txt": "git+ssh://git@x/y"}, "DIRECT_REFERENCE", "asks for a place"),
        ({"requirements.txt": "-e git+https://x/y#egg=z"}, "DIRECT_REFERENCE", "asks for a place"),
        ({"requirements.txt": "./missing-1.0.whl"}, "DIRECT_REFERENCE", "asks for a place"),
        ({"requirements.txt": "-r requirements.txt"}, "REQUIREMENTS_INVALID", "draws itself in"),
        ({"requirements.txt": "-r absent.txt"}, "FILE_MISSING", "absent.txt cannot be read"),
        ({"requirements.txt": "--wat\n"}, "REQUIREMENTS_INVALID", "an option that rgrid does not know: --wat"),
        ({"sub/s.py": "# /// script\n# dependencies = [\n# ///\n"}, "BLOCK_INVALID", "is not TOML"),
        ({"sub/s.py": '"""x"""\n# /// script\n# a = 1\n# b = =\n# ///\n'}, "BLOCK_INVALID", "(line 4)"),
        ({"sub/s.py": BLOCK + "\n\n" + BLOCK}, "BLOCK_INVALID", "has 2 blocks '# /// script', in lines 1 and 7."),
        ({"sub/s.py": "# /// script\n# a = 1\nimport six\n"}, "BLOCK_INVALID", "in line 1 of sub/s.py has no end"),
        ({"sub/s.py": "# /// script\n# a = 1"}, "BLOCK_INVALID", "has no end"),
        ({"sub/s.py": "\n#/// script\n# a = 1\n# ///\n"}, "BLOCK_INVALID", "Line 2 of sub/s.py is '#/// script'"),
        ({"sub/s.py": "# /// script\n#a = 1\n# ///\n"}, "BLOCK_INVALID", "Line 2 of sub/s.py"),
        ({"sub/s.py": "# /// script\n# a = 1\n#///\n"}, "BLOCK_INVALID", "Line 3 of sub/s.py"),
    ],
)
def test_what_cannot_be_read_is_said_with_what_to_do(files, code, said):
    for name, text in files.items():
        Path(name).write_text(text)
    with pytest.raises(UsageProblem) as caught:
        declared(Path("sub/s.py"), "")
    assert caught.value.code == code
    assert said in caught.value.message and caught.value.hint
    assert "secret" not in caught.value.message + caught.value.hint


def test_powershell_writes_utf16():
    Path("requirements.txt").write_bytes("six".encode("utf-16"))
    with pytest.raises(UsageProblem, match="is not UTF-8") as caught:
        declared(Path("sub/s.py"), "")
    assert "Out-File" in caught.value.hint


def test_a_requirements_file_with_everything_in_it():
    Path("requirements.txt").write_text(
        "\ufeff--index-url https://secret.example/simple\n--extra-index-url=https://b/c\n# a comment\nsix # why\n"
        "-r more.txt\n--requirement=sub/deep.txt\n-c bounds.txt\npandas[excel] >= 2, \\\n   <3 ; python_version > '3'\n--pre\n"
    )
    Path("more.txt").write_text("idna==3.7 --hash=sha256:" + ONE)
    Path("sub/deep.txt").write_text("-r ../other.txt\n")
    Path("other.txt").write_text("toolz")
    Path("bounds.txt").write_text("numpy<2\n")
    found = read_requirements(Path("requirements.txt"))
    assert found.asked() == ["six", "idna==3.7", "toolz", "pandas[excel] >= 2,     <3 ; python_version > '3'"]
    assert found.constraints == ["numpy<2"]
    assert found.kept() is None
    [note] = found.notes
    assert note.startswith("requirements.txt names an index") and "secret.example" not in note


def test_a_project_that_is_asked_for_gives_what_it_declares():
    Path("pyproject.toml").write_text(
        '[project]\nname = "x"\ndependencies = ["six"]\n[project.optional-dependencies]\nplot = ["pillow"]\n'
    )
    Path("requirements.txt").write_text("-e .[plot]\nidna\n")
    found = declared(Path("sub/s.py"), "")
    assert expanded(found).lines == ["idna", "six", "pillow"]
    Path("pyproject.toml").unlink()
    with pytest.raises(UsageProblem, match="toml there says what"):
        expanded(found)


def test_a_complete_lock_is_kept_as_it_is_without_any_program(monkeypatch):
    monkeypatch.setenv("PATH", "")
    Path("requirements.txt").write_text(
        f"--index-url https://x/y\nZ==1 \\\n  --hash=sha256:{TWO} \\\n  --hash=sha256:{ONE}\n    # via\n"
        f"a[x]==2 ; sys_platform == 'linux' --hash=sha256:{ONE} --hash=md5:ab\n"
    )
    answer = locked(declared(Path("sub/s.py"), ""), Path("sub/s.py"), "3.11")
    assert answer.known and answer.lock.packages == 2
    assert answer.lock.text() == (
        f"a==2 ; sys_platform == 'linux' \\\n    --hash=sha256:{ONE}\n"
        f"Z==1 \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{TWO}\n"
    )
    assert read_lock(answer.lock.text()) == answer.lock


def test_an_empty_declaration_needs_no_lock(monkeypatch):
    monkeypatch.setenv("PATH", "")
    Path("requirements.txt").write_text("# nothing\n")
    assert locked(declared(Path("sub/s.py"), ""), Path("sub/s.py"), "3.11").lock.pins == ()


def test_pylock_is_read_as_it_is():
    sdist = {"url": "https://h/x.tar.gz", "hashes": {"sha256": TWO}}
    lines = ['lock-version = "1.0"', "[[packages]]", 'name = "x"', 'version = "1"', "marker = \"os_name == 'posix'\""]
    lines += [f"sdist = {{url = {json.dumps(sdist['url'])}, hashes = {{sha256 = '{TWO}'}}}}"]
    lines += [f"wheels = [{{url = 'https://h/x.whl', hashes = {{sha256 = '{ONE}'}}}}]"]
    Path("pylock.toml").write_text("\n".join([*lines, "[[packages]]", 'name = "here"', "directory = {path = '.'}"]))
    text = read_pylock(Path("pylock.toml")).text()
    assert text == f"x==1 ; os_name == 'posix' \\\n    --hash=sha256:{ONE} \\\n    --hash=sha256:{TWO}\n"
    Path("pylock.toml").write_text("\n".join([*lines, "[[packages]]", 'name = "v"', "vcs = {type = 'git', url = 'x'}"]))
    with pytest.raises(UsageProblem, match="asks for a place"):
        read_pylock(Path("pylock.toml"))
    Path("pylock.toml").write_text("lock-version = '9'")
    with pytest.raises(UsageProblem, match="no lock of PEP 751"):
        read_pylock(Path("pylock.toml"))


def test_a_kept_lock_that_was_damaged_is_not_used(tmp_path):
    from cli.deps.locking import store

    place = tmp_path / "fresh/locks/x.lock"
    store(place, "a==1\n")
    assert stored(place) == "a==1\n"
    place.write_text(place.read_text() + "b==1\n")
    assert stored(place) == "" and stored(tmp_path / "none") == ""


def test_without_uv_it_is_said_where_to_get_it(monkeypatch, tmp_path):
    import cli.deps.uv as module

    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(module, "from_record", lambda: None)
    Path("requirements.txt").write_text("six")
    with pytest.raises(CliError) as caught:
        locked(declared(Path("sub/s.py"), ""), Path("sub/s.py"), "3.11")
    assert caught.value.code == "UV_MISSING" and "pip install uv" in caught.value.hint
