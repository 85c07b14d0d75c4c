"""What uv says becomes a sentence that a newcomer can act on. The texts are uv's own, of several versions."""

import pytest

from cli.deps.trouble import newer_python, trouble

NO_ANSWER = "error: No solution found when resolving dependencies\n  cause: "
OLDER = "  × No solution found when resolving dependencies:\n  ╰─▶ "


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (
            NO_ANSWER
            + "Because pandsa was not found in the package registry and you require pandsa, we can conclude …",
            "UNKNOWN_PACKAGE",
            ("There is no package called pandsa on the index", "Did you mean pandas?"),
        ),
        (
            OLDER + "Because pandsa was not found in the package registry and you require pandsa, we can",
            "UNKNOWN_PACKAGE",
            ("pandsa",),
        ),
        (
            NO_ANSWER + "Because there is no version of six==99 and you require six==99, we can conclude that …",
            "UNKNOWN_PACKAGE",
            ("The index has no six==99", "the newest that fits is taken"),
        ),
        (
            NO_ANSWER + "Because requests==2.31.0 depends on urllib3>=1.21.1,<3 and you require requests==2.31, we can "
            "conclude that you require urllib3>=1.21.1,<3.\n         And because you require urllib3<1.0, we can conclude",
            "PACKAGE_CONFLICT",
            (
                "contradict each other",
                "requests==2.31.0 depends on urllib3>=1.21.1,<3",
                "you require urllib3<1.0",
                "rgrid deps show 'my dir/s.py'",
            ),
        ),
        (
            NO_ANSWER
            + "Because docopt==0.6.2 has no usable wheels and you require docopt==0.6.2, we can conclude …\n\n"
            "hint: Wheels are required for `docopt` because building from source is disabled",
            "NO_WHEELS",
            ("docopt==0.6.2 comes without a wheel", "rgrid run --allow-builds 'my dir/s.py'"),
        ),
        (
            "error: Request failed after 3 retries in 6.3s\n  cause: Failed to fetch: https://me:secret@h:9/simple/six/\n"
            "  cause: tcp connect error\n  cause: Connection refused (os error 111)",
            "INDEX_UNREACHABLE",
            ("No package index answers (Connection refused (os error 111))",),
        ),
        (
            "error: Couldn't parse requirement in `in.txt` at position 0\n  cause: Expected one of `@`\n  bad req!!",
            "REQUIREMENTS_INVALID",
            ("asks for something that is no package",),
        ),
        ("error: \x1b[31mthe moon\x1b[0m is wrong\n  cause: eclipse", "LOCK_FAILED", ("the moon", "eclipse")),
        ("", "LOCK_FAILED", ("it said nothing",)),
    ],
)
def test_a_complaint_is_understood(said, code, words):
    found = trouble(said, "requirements.txt", "my dir/s.py")
    text = found.message + "\n" + found.hint
    assert found.code == code, text
    assert [each for each in words if each not in text] == []
    assert "secret" not in text and "\x1b" not in text


def test_a_python_that_is_too_old_is_read_off():
    said = "does not satisfy Python>=3.12 and numpy==2.5.5 depends on Python>=3.12, we can conclude"
    assert (
        newer_python(trouble(NO_ANSWER + "Because the requested Python version (>=3.11) " + said, "x", "s.py"))
        == "3.12"
    )
    assert newer_python(trouble("error: x", "x", "s.py")) == ""


def test_settings_of_pip_are_not_uvs(monkeypatch):
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_INDEX_URL", "https://h/simple")
    assert "UV_DEFAULT_INDEX" in trouble("error: dns error", "x", "s.py").hint
