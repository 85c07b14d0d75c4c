"""Flag > environment > script > project > person."""

import dataclasses

import pytest

from cli.errors import UsageProblem
from cli.job import config
from services.runtime.settings import Settings


@pytest.fixture
def place(tmp_path, monkeypatch):
    home = tmp_path / "home"
    folder = tmp_path / "repo" / "deep" / "er"
    folder.mkdir(parents=True)
    home.mkdir()
    (tmp_path / "repo" / ".git").mkdir()
    for name in config.NAMES:
        monkeypatch.delenv("RGRID_" + name.upper().replace("-", "_"), raising=False)
    monkeypatch.setenv("RGRID_HOME", str(home))
    monkeypatch.chdir(folder)
    return tmp_path


SCRIPT = """# /// script
# requires-python = ">=3.11"
# [tool.rgrid]
# timeout = "3m"
# tag = ["a=script"]
# ///
print(1)
"""


def test_every_place_in_its_order(place, monkeypatch):
    script = place / "repo" / "deep" / "er" / "s.py"
    script.write_text(SCRIPT)
    (place / "home" / "config.toml").write_text('timeout = "1m"\nmemory = "1g"\ncpu = 1\n[tag]\nwho = "me"\n')
    assert config.settings({}, None)["timeout"] == "1m"
    (place / "repo" / "rgrid.toml").write_text('timeout = "2m"\nmemory = "2g"\n')
    assert config.settings({}, None)["timeout"] == "2m"
    assert config.settings({}, script)["timeout"] == "3m"
    monkeypatch.setenv("RGRID_TIMEOUT", "4m")
    assert config.settings({}, script)["timeout"] == "4m"
    found = config.settings({"timeout": "5m", "memory": None, "tag": ("b=flag",)}, script)
    assert found["timeout"] == "5m"
    assert found["memory"] == "2g"
    assert found["cpu"] == "1"
    assert found["tag"] == ["who=me", "a=script", "b=flag"]


def test_pyproject_counts_where_it_speaks_of_rgrid_and_the_search_ends_at_the_root(place):
    (place / "rgrid.toml").write_text('timeout = "9m"\n')
    assert "timeout" not in config.settings({}, None)
    (place / "repo" / "pyproject.toml").write_text("[tool.rgrid]\nremote-only = true\n")
    assert config.settings({}, None)["remote-only"] is True


def test_an_unknown_key_is_named_with_the_nearest(place, capfd):
    (place / "home" / "config.toml").write_text('timeuot = "1m"\n')
    assert config.settings({}, None) == {}
    assert "unknown setting 'timeuot'; did you mean 'timeout'?" in capfd.readouterr().err


def test_an_address_in_a_project_is_no_setting(place, capfd):
    (place / "repo" / "rgrid.toml").write_text('api-url = "http://evil"\n')
    assert config.settings({}, None) == {}
    assert "unknown setting" in capfd.readouterr().err


@pytest.mark.parametrize("text", ["timeout =", "network = 3", "tag = 3"])
def test_what_does_not_read_is_refused(place, text):
    (place / "home" / "config.toml").write_text(text)
    with pytest.raises(UsageProblem):
        config.settings({}, None)


def test_a_file_that_is_no_text_is_named(place):
    (place / "home" / "config.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageProblem, match="not UTF-8 text"):
        config.settings({}, None)


def test_a_variable_that_nobody_reads_is_named_with_the_nearest(capfd):
    config.warn_unknown({"RGRID_TIMEUOT": "1", "RGRID_TIMEOUT": "1", "RGRID_HOME": "x", "HOME": "y"})
    assert capfd.readouterr().err == "! nothing reads RGRID_TIMEUOT; did you mean RGRID_TIMEOUT?\n"


def test_the_variables_of_the_grid_are_known():
    fields = {field.name for field in dataclasses.fields(Settings)}
    assert fields <= {*config.GRID_NAMES, *(name.replace("-", "_") for name in config.NAMES)}
