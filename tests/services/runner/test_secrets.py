"""Secrets on a node: a script finds them, and nothing that leaves the node, or stays on its disk, has them."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from domain.execution.job import SecretRef
from services.runner import memory_folder
from services.runner.logs.redaction import MASK
from services.runtime import subjects
from services.runtime.messages import SecretsGiven, SecretsWanted
from services.runtime.plain import from_json, to_json
from tests.services.runner.grid import Grid, Make

TOKEN = "tok-3n_9x/Secret+Value"
KEY = b"-----BEGIN KEY-----\nMIIabcdefghijklmnop\nqrstuvwxyz0123456789\n-----END KEY-----\n"


class Keeper:
    """Answers as the control plane would; `asked` are the names."""

    def __init__(self, grid: Grid, values: dict[str, bytes]) -> None:
        self.grid, self.values = grid, values
        self.asked: list[tuple[str, ...]] = []
        self.answers: list[SecretsGiven] = []

    async def hear(self, message: Any) -> None:
        wanted = from_json(SecretsWanted, message.data)
        self.asked.append(wanted.names)
        values = {name: base64.b64encode(self.values[name]).decode() for name in wanted.names if name in self.values}
        given = self.answers.pop(0) if self.answers else SecretsGiven(values)
        await self.grid.bus.send(message.reply, to_json(given))


async def keeping(grid: Grid, **values: bytes) -> Keeper:
    keeper = Keeper(grid, values)
    await grid.bus.subscribe(subjects.ASK_SECRETS, keeper.hear)
    return keeper


@pytest.fixture(params=["bubblewrap", "process"])
async def either(request: pytest.FixtureRequest, make_grid: Make) -> Grid:
    if request.param == "bubblewrap":
        request.getfixturevalue("needs_bubblewrap")
    return await make_grid(request.param)


def env(*names: str) -> tuple[SecretRef, ...]:
    return tuple(SecretRef(name, "env", 1) for name in names)


def leaks(folder: Path, *values: bytes) -> list[str]:
    """The files below `folder` that have one of `values` in them, or in their name."""
    found = []
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found += [str(path) for value in values if value in data or value in os.fsencode(path)]
    return found


PIECES = """
import os, sys, time
token = os.environ["TOKEN"]
for letter in token:
    os.write(1, letter.encode())
    time.sleep(0.012)
os.write(2, b"said " + token[:9].encode())
time.sleep(0.03)
os.write(2, token[9:].encode() + b"\\n")
import base64
print("\\nbasic", base64.b64encode(b"user:" + token.encode()).decode())
print(repr(token), "done")
raise SystemExit(f"bad token {token}")
"""


async def test_a_script_has_it_and_no_log_does(either: Grid, tmp_path: Path) -> None:
    keeper = await keeping(either, TOKEN=TOKEN.encode())
    execution, result = await either.run(PIECES, secrets=env("TOKEN"))
    assert keeper.asked == [("TOKEN",)]
    assert (result.status, result.exit_code, result.error_line) == ("failed", 1, "bad token ***")
    out = either.log(execution, "stdout")
    assert out.startswith(b"***\nbasic ") and out.endswith(b"'***' done\n") and out.count(MASK) == 3
    assert either.log(execution, "stderr") == b"said ***\nbad token ***\n"
    assert result.log is not None and result.log.lines == 5
    assert result.log.archive is not None
    archive = await either.get(result.log.archive)
    assert TOKEN.encode() not in archive and TOKEN[:9].encode() not in archive
    await either.end()
    assert leaks(tmp_path, TOKEN.encode(), TOKEN[:9].encode(), base64.b64encode(TOKEN.encode())) == []
    assert TOKEN not in str(either.reports)


async def test_lines_keep_their_numbers_and_streams_their_order(either: Grid) -> None:
    await keeping(either, TOKEN=b"abcdefgh")
    code = """
import os, time
for stream, said in [(1, b"one ab"), (2, b"two\\n"), (1, b"cdefgh\\n"), (1, b"abc\\n"), (2, b"abcdefgh\\n")]:
    os.write(stream, said)
    time.sleep(0.03)
"""
    execution, result = await either.run(code, secrets=env("TOKEN"))
    assert result.log is not None
    assert (result.log.lines, result.log.stdout_lines, result.log.stderr_lines) == (4, 2, 2)
    said = [(head["stream"], head["line"], raw) for head, raw in either.chunks[execution]]
    assert said == [
        ("stdout", 1, b"one "),
        ("stderr", 2, b"two\n"),
        ("stdout", 1, b"***\n"),
        ("stdout", 3, b"abc\n"),
        ("stderr", 4, b"***\n"),
    ]


async def test_what_was_held_back_is_told_at_the_end(either: Grid) -> None:
    await keeping(either, TOKEN=b"abcdefgh")
    execution, _ = await either.run("import sys; sys.stdout.write('the end is abcd')", secrets=env("TOKEN"))
    assert either.log(execution, "stdout") == b"the end is abcd"


FILES = """
import os, stat
folder = os.environ["RGRID_SECRETS_DIR"]
assert "KEY" not in os.environ
path = os.path.join(folder, "KEY")
print(len(open(path, "rb").read()), oct(stat.S_IMODE(os.stat(path).st_mode)), os.access(path, os.W_OK) and os.geteuid())
mounts = [line.split()[1:3] for line in open("/proc/self/mounts")]
best = max((m for m in mounts if (os.path.realpath(path) + "/").startswith(m[0].rstrip("/") + "/")), key=lambda m: len(m[0]))
print(best[1])
print(open(path).read())
open("copy", "wb").write(open(path, "rb").read()[:5])
"""


async def test_a_file_is_in_memory_and_gone_afterwards(either: Grid, tmp_path: Path) -> None:
    await keeping(either, KEY=KEY)
    execution, result = await either.run(FILES, secrets=(SecretRef("KEY", "file", 1),))
    out, err = either.log(execution, "stdout").decode(), either.log(execution, "stderr").decode()
    assert result.status == "succeeded", err
    facts, kind, *said = out.splitlines()
    assert facts.split()[:2] == [str(len(KEY)), "0o400"]
    assert kind == "tmpfs"
    assert "".join(said).replace("***", "") == ""
    assert [file.path for file in result.outputs.entries] == ["copy"]
    assert leaks(tmp_path, KEY, b"MIIabcdefghijklmnop") == []
    assert left_in_memory(either) == []


def left_in_memory(grid: Grid) -> list[Path]:
    base = memory_folder._base(grid.folder)
    return list(base.rglob("*")) if base.exists() else []


async def test_a_runner_that_begins_clears_what_an_earlier_life_left(make_grid: Make) -> None:
    grid = await make_grid("process", begin=False)
    folder = memory_folder.make(grid.folder, "exec_x.1", {"KEY": KEY})
    assert (folder / "KEY").read_bytes() == KEY and folder.stat().st_mode & 0o777 == 0o700
    grid.begin()
    await grid.until(lambda: [verb for verb, _ in grid.reports if verb == "joined"])
    assert left_in_memory(grid) == []


async def test_an_output_named_by_a_secret_stays_away(either: Grid) -> None:
    await keeping(either, TOKEN=b"sesame-open")
    _, result = await either.run("import os; open('is-' + os.environ['TOKEN'], 'w').write('x')", secrets=env("TOKEN"))
    assert result.outputs.entries == ()
    assert [(each.path, each.reason) for each in result.outputs_refused] == [("is-***", "its name contains a secret")]


async def test_bytes_that_are_no_text_arrive_as_they_are(either: Grid) -> None:
    value = bytes(range(1, 256)) * 8
    await keeping(either, BLOB=value)
    code = "import os, hashlib; print(hashlib.sha256(os.environb[b'BLOB']).hexdigest())"
    execution, _ = await either.run(code, secrets=env("BLOB"))
    assert either.log(execution, "stdout").decode().strip() == hashlib.sha256(value).hexdigest()


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (
            SecretsGiven(error="SECRET_UNKNOWN", message="The secret TOKEN was removed.", name="TOKEN"),
            "failed",
            "removed",
        ),
        (SecretsGiven(error="SECRET_UNREADABLE", message="sealed with another key"), "lost", "another key"),
    ],
)
async def test_without_its_secret_it_does_not_begin(
    make_grid: Make, answer: SecretsGiven, status: str, words: str
) -> None:
    grid = await make_grid("process")
    (await keeping(grid, TOKEN=b"secret")).answers.append(answer)
    execution, result = await grid.run("print('ran')", secrets=env("TOKEN"))
    assert (result.status, result.reason.code) == (status, "SECRET_UNAVAILABLE")
    assert words in result.reason.message
    assert not grid.chunks.get(execution)


async def test_a_value_that_no_variable_can_hold_is_said_so(make_grid: Make) -> None:
    grid = await make_grid("process")
    await keeping(grid, ZERO=b"a\0b", **{f"BIG{number}": b"x" * 65_536 for number in range(9)})
    _, result = await grid.run("print()", secrets=env("ZERO"))
    assert (result.status, result.reason.hint) == ("failed", "Take it as a file: --secret ZERO=file")
    _, result = await grid.run("print()", secrets=env(*(f"BIG{number}" for number in range(9))))
    assert (result.status, result.reason.code) == ("failed", "SECRET_UNAVAILABLE")


async def test_a_keeper_that_is_away_is_asked_again_and_many_are_asked_for_in_pages(make_grid: Make) -> None:
    grid = await make_grid("process")
    names = [f"S{number}" for number in range(20)]
    keeper = await keeping(grid, **{name: b"value-" + name.encode() for name in names})
    keeper.answers += [SecretsGiven(error="UNAVAILABLE"), SecretsGiven({"S0": "not base64!"}), SecretsGiven({})]
    execution, _ = await grid.run(
        "import os; print(sum(os.environ[f'S{n}'] == f'value-S{n}' for n in range(20)))", secrets=env(*names)
    )
    assert grid.log(execution, "stdout") == b"20\n"
    assert [len(each) for each in keeper.asked] == [16, 16, 16, 16, 4]


async def test_a_stale_attempt_gets_nothing_and_says_nothing(make_grid: Make) -> None:
    grid = await make_grid("process")
    keeper = await keeping(grid, TOKEN=b"secret")
    keeper.answers.append(SecretsGiven(error="STALE_LEASE", message="not yours"))
    stale = await grid.send(await grid.job("print('ran')", secrets=env("TOKEN")))
    await grid.run("print('another')")
    assert not grid.facts("finished", stale) and not grid.chunks.get(stale)
