"""Secrets on the command line, as far as no grid is needed: names, forms, where a value may come from."""

from __future__ import annotations

import io
import os
import sys

import pytest

from cli import secret
from cli.errors import UsageProblem
from cli.job import config, request
from cli.terminal.typed import secret_name


class Piped:
    """A stdin that is no terminal."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize(
    ("piped", "value"),
    [(b"abc\n", b"abc"), (b"abc\r\n", b"abc"), (b"abc\n\n", b"abc\n"), (b"\xff\0", b"\xff\0"), (b" a ", b" a ")],
)
def test_stdin_loses_its_last_newline_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, piped: bytes, value: bytes
) -> None:
    monkeypatch.setattr(sys, "stdin", Piped(piped))
    assert secret.content("TOKEN", None) == value
    monkeypatch.setattr(sys, "stdin", Piped(piped))
    assert secret.content("TOKEN", "-") == piped


def test_a_file_is_taken_byte_by_byte(tmp_path) -> None:
    (tmp_path / "key").write_bytes(b"-- key --\r\n\n")
    assert secret.content("KEY", str(tmp_path / "key")) == b"-- key --\r\n\n"
    for wrong in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageProblem, match="cannot be read"):
            secret.content("KEY", str(wrong))
    (tmp_path / "key").write_bytes(os.urandom(secret.VALUE_BYTES_MAX + 1))
    with pytest.raises(UsageProblem, match="65,536"):
        secret.content("KEY", str(tmp_path / "key"))


def test_forms_are_told_from_values() -> None:
    found = request.secrets_of(["A", "B=file", "C=env"], {})
    assert found == [{"name": "A", "form": "env"}, {"name": "B", "form": "file"}, {"name": "C", "form": "env"}]
    for wrong in ("A=hunter2", "A=File", "hunter-2", "=file", "A=file=hunter2"):
        with pytest.raises(UsageProblem) as refused:
            request.secrets_of([wrong], {})
        assert "hunter" not in refused.value.message + refused.value.hint
    with pytest.raises(UsageProblem, match="both"):
        request.secrets_of(["A"], {"A": "x"})


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A" * 65, "A B", "Ä"])
def test_a_name_that_cannot_be_is_refused_here(name: str) -> None:
    with pytest.raises(UsageProblem):
        secret_name(name)


def test_a_project_names_secrets_and_a_flag_adds_to_them(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RGRID_HOME", str(tmp_path / "home"))
    (tmp_path / "rgrid.toml").write_text('secrets = ["A", "B=file"]\n')
    assert config.settings({"secret": ("C", "B=env")}, None)["secret"] == ["A", "C", "B=env"]
    (tmp_path / "rgrid.toml").write_text('[secrets]\nB = "file"\n')
    assert config.settings({}, None)["secret"] == ["B=file"]


@pytest.mark.parametrize("name", ["PATH", "HOME", "TMPDIR", "LD_PRELOAD", "PYTHONPATH", "RGRID_HOME"])
def test_a_secret_steers_no_run(name: str) -> None:
    with pytest.raises(UsageProblem, match="steers how a script starts") as caught:
        request.secrets_of([name], {})
    assert f"--secret {name}=file" in caught.value.hint
    assert request.secrets_of([f"{name}=file"], {}) == [{"name": name, "form": "file"}]


@pytest.mark.parametrize("image", ["Bad Name!!", "-x", "a" * 256])
def test_what_is_no_name_of_an_image_is_said_in_words(image: str) -> None:
    with pytest.raises(UsageProblem, match="is no name of an image"):
        request.check_image(image)
    request.check_image("ghcr.io/me/App:1@sha256:" + "a" * 64)
