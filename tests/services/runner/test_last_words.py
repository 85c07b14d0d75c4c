"""Why a script failed, in its own last words: found in what real interpreters say, and nothing in it can do harm."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.execution.events import ERROR_LINE_CHARS_MAX
from domain.execution.job import Limits
from services.runner.interpreters import interpreters
from services.runner.last_words import TAIL_BYTES, error_line
from tests.services.runner.grid import Grid, Make

NODE_ENDS = b"""/box/main.js:3
throw new RangeError("out of range")
^

RangeError: out of range
    at Object.<anonymous> (/box/main.js:3:7)
    at node:internal/main/run_main_module:23:47 {
  code: 'ERR',
}

Node.js v20.1.0
"""


@pytest.mark.parametrize(
    ("tail", "line"),
    [
        (b"", ""),
        (b"\n \n--\n", ""),
        (b"first\nlast\n\n", "last"),
        (b"no newline", "no newline"),
        (b'Traceback (most recent call last):\n  File "x"\nValueError: b\xc3\xa4d row 7\n', "ValueError: bäd row 7"),
        (b"10%\r20%\rKeyError: 'x'\n", "KeyError: 'x'"),
        (b"\x1b[31mred\x1b[0m \x1b]0;title\x07alarm\x07\n", "red alarm"),
        ("abc\u202etxt.exe\u2028\n".encode(), "abctxt.exe"),
        (b"\xff\xfe broken\n", "�� broken"),
        (NODE_ENDS, "RangeError: out of range"),
        (b"x" * 400, "x" * (ERROR_LINE_CHARS_MAX - 1) + "…"),
    ],
)
def test_the_line_that_says_why(tail: bytes, line: str) -> None:
    assert error_line(tail) == line


def test_a_line_whose_beginning_is_not_known_says_so() -> None:
    assert error_line(b"y" * (TAIL_BYTES - 5) + b"\n \n \n").startswith("…yyy")


@given(st.binary(max_size=600))
def test_whatever_was_said_the_line_is_short_and_plain(tail: bytes) -> None:
    line = error_line(tail)
    assert len(line) <= ERROR_LINE_CHARS_MAX
    assert line == line.strip()
    assert not any(ord(each) < 32 or each in "\x7f\u202e\u2028" for each in line)


@pytest.mark.parametrize(
    ("runtime", "path", "code", "line"),
    [
        ("python", "m.py", "print('on'); {}['wrong']", "KeyError: 'wrong'"),
        ("python", "m.py", "raise SystemExit('gave up: no rows')", "gave up: no rows"),
        ("python", "m.py", "raise ExceptionGroup('many', [ValueError('one')])", "| ValueError: one"),
        ("python", "m.py", "import sys; sys.exit(3)", ""),
        ("sh", "s.sh", "echo fine; nosuchprogram", "s.sh: 1: nosuchprogram: not found"),
        ("node", "m.js", "throw new TypeError('it is none')", "TypeError: it is none"),
    ],
)
async def test_scripts_of_every_kind(make_grid: Make, runtime: str, path: str, code: str, line: str) -> None:
    if runtime not in {each.runtime for each in interpreters()}:
        pytest.skip(f"{runtime} is not installed")
    grid = await make_grid("process")
    limits = Limits(memory_bytes=1024**3)
    _, result = await grid.run(code, runtime=runtime, path=path, limits=limits)
    assert (result.status, result.error_line) == ("failed", line)


SAYS = "import sys, time; print('halfway', file=sys.stderr, flush=True); "


async def test_only_who_failed_by_itself_has_a_last_word(make_grid: Make) -> None:
    grid = await make_grid("process")
    _, result = await grid.run(SAYS)
    assert (result.status, result.error_line) == ("succeeded", "")
    _, result = await grid.run(SAYS + "time.sleep(1000)", limits=Limits(timeout_seconds=0.5))
    assert (result.status, result.error_line) == ("timed_out", "")
    _, result = await grid.run(SAYS + "import os; os.kill(os.getpid(), 11)")
    assert (result.status, result.reason.code, result.error_line) == ("failed", "SIGNAL", "")
    _, result = await grid.run(SAYS + "import os; print('corrupt heap', file=sys.stderr); os.abort()")
    assert (result.reason.code, result.error_line) == ("SIGNAL", "corrupt heap")


async def test_the_last_word_is_known_beyond_the_limit_of_the_log(make_grid: Make) -> None:
    grid: Grid = await make_grid("process", log_bytes_max=1000)
    code = "import sys\nfor n in range(1000): print(n, file=sys.stderr)\nraise ValueError('at last')"
    _, result = await grid.run(code)
    assert result.log.dropped_bytes > 0
    assert result.error_line == "ValueError: at last"


async def test_a_library_that_is_missing_is_advised_on(make_grid: Make) -> None:
    grid = await make_grid("process")
    _, result = await grid.run("import ctypes; ctypes.CDLL('libnothing.so.1')")
    assert result.error_line.startswith("OSError: libnothing.so.1")
    assert "system library libnothing.so.1" in result.reason.hint
