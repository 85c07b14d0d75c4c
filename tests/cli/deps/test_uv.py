"""Real locks by the real uv, against the index that this machine is set up for."""

import subprocess
from pathlib import Path

import pytest

import cli.deps.locking as locking
from cli.deps.declared import declared
from cli.deps.locking import locked
from cli.deps.newer import locked_from
from cli.deps.uv import find_uv, settings_hash
from cli.errors import CliError

S = Path("s.py")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "repo/.git").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "repo")
    monkeypatch.setenv("RGRID_HOME", str(tmp_path / "home"))
    S.write_text("import six\n")
    return tmp_path / "repo"


def lock(**more):
    return locked(declared(S, ""), S, "3.11", **more)


def test_a_lock_is_hashed_sorted_without_hosts_and_made_once(monkeypatch, capfd, tmp_path):
    Path("requirements.txt").write_text("python-dateutil==2.9.0.post0\nSix<1.18 # x\n")
    first = lock()
    assert not first.known and first.lock.packages == 2 and first.lock.complete
    text = first.lock.text()
    assert text.startswith("python-dateutil==2.9.0.post0 \\\n    --hash=sha256:") and "://" not in text
    assert "locked" in capfd.readouterr().err
    monkeypatch.setattr(locking, "uv", None)
    again = lock()
    assert again.known and again.lock == first.lock
    assert capfd.readouterr().err == ""
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700
    assert [file.suffix for file in (tmp_path / "home/locks").iterdir()] == [".lock"]


def test_other_inputs_make_another_lock(monkeypatch):
    Path("requirements.txt").write_text("six==1.16.0\n")
    lock()
    Path("requirements.txt").write_text("six==1.17.0\n")
    assert [pin.version for pin in lock().lock.pins] == ["1.17.0"]
    assert lock().known and not lock(builds=True).known and not lock(renew=True).known
    before = settings_hash(Path())
    monkeypatch.setenv("UV_EXCLUDE_NEWER", "2026-01-01")
    assert settings_hash(Path()) != before and not lock().known


def test_bounds_hold():
    Path("requirements.txt").write_text("-c bounds.txt\npython-dateutil==2.9.0.post0\n")
    Path("bounds.txt").write_text("six==1.16.0\n")
    assert [pin.version for pin in lock().lock.pins] == ["2.9.0.post0", "1.16.0"]


def test_a_project_is_locked_as_its_uv_lock_says():
    Path("pyproject.toml").write_text(
        '[project]\nname="p"\nversion="0"\nrequires-python=">=3.11"\ndependencies=["six==1.16.0"]\n'
        '[dependency-groups]\ndev=["idna"]\n'
    )
    subprocess.run([find_uv(), "lock", "--quiet"], check=True)
    assert [f"{pin.name}=={pin.version}" for pin in lock().lock.pins] == ["six==1.16.0"]
    assert lock().known


def test_the_lock_of_a_script_is_used():
    S.write_text('# /// script\n# requires-python = ">=3.11"\n# dependencies = ["six==1.16.0"]\n# ///\n')
    subprocess.run([find_uv(), "lock", "--quiet", "--script", "s.py"], check=True)
    assert declared(S, "").source == "the lock s.py.lock"
    assert [f"{pin.name}=={pin.version}" for pin in lock().lock.pins] == ["six==1.16.0"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("surely-nobody-has-this-name-rgrid", "UNKNOWN_PACKAGE"),
        ("six==99", "UNKNOWN_PACKAGE"),
        ("requests==2.31.0\nurllib3<1.20", "PACKAGE_CONFLICT"),
        ("docopt==0.6.2", "NO_WHEELS"),
        ("six !!", "REQUIREMENTS_INVALID"),
    ],
)
def test_what_cannot_be_locked_is_told_in_our_words(text, code):
    Path("requirements.txt").write_text(text + "\n")
    with pytest.raises(CliError) as caught:
        lock()
    assert caught.value.code == code and caught.value.hint


def test_without_a_network_it_is_said(monkeypatch):
    Path("requirements.txt").write_text("six\n")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CACHE", "1")
    with pytest.raises(CliError) as caught:
        lock()
    assert caught.value.code == "INDEX_UNREACHABLE"


def test_packages_that_need_a_newer_python_are_locked_for_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    Path("requirements.txt").write_text("numpy==2.5.0\n")
    answer, python = locked_from(declared(S, ""), S, "3.11")
    assert (answer.lock.packages, python) == (1, "3.12")


def test_settings_of_uv_that_would_name_hosts_are_overruled():
    Path("uv.toml").write_text("[pip]\nemit-index-url = true\nemit-build-options = true\nemit-find-links = true\n")
    Path("requirements.txt").write_text("six==1.17.0\n")
    assert lock().lock.text().startswith("six==1.17.0 ")
