"""Secrets as a person uses them, and a hunt for what leaks: after runs that do their worst, no byte of the home has them."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.fixtures.grid import GridUnderTest

TOKEN = 'hunt-4e7 "s3cr3t"/+?ö-value'
KEY = (
    "-----BEGIN TEST KEY-----\n"
    + "\n".join(f"line{n}MIIEvQIBADANBgkqhkiG9w0" for n in range(8))
    + "\n-----END TEST KEY-----\n"
)
MARKER = "said-by-the-worst-script"
WORST = """
import base64, json, logging, os, subprocess, sys, time, urllib.parse
token, key = os.environ["TOKEN"], open(os.path.join(os.environ["RGRID_SECRETS_DIR"], "KEY")).read()
for number in range(0, len(token.encode()), 3):
    os.write(1, token.encode()[number:number + 3])
    time.sleep(0.015)
print()
print("said-by-the-worst-" + "script")
print(token * 3, [token], json.dumps({"token": token, "key": key}), repr(token), urllib.parse.quote(token))
print(base64.b64encode(token.encode()).decode(), base64.b64encode(b"user:" + token.encode()).decode(), token.encode().hex())
print(key); print(base64.encodebytes(key.encode()).decode())
for line in key.splitlines():
    print(">", line, file=sys.stderr)
subprocess.run(["sh", "-c", "echo child says \\"$1\\" >&2", "sh", token])
subprocess.run([sys.executable, "-c", "import sys; sys.exit('in argv: ' + sys.argv[1])", token])
logging.warning("calling with %s", token)
sys.stdout.write("x" * 200_000 + token + "y" * 200_000 + "\\n")
open(f"named-{token[:4]}.txt", "w").write("fine")
def connect(password):
    raise ValueError(f"cannot connect with {password}")
connect(token)
"""


@pytest.fixture(scope="module", params=["auto", "process"])
def secret_grid(request: pytest.FixtureRequest, guarded: Callable[[Path], None]) -> Iterator[GridUnderTest]:
    """A grid of this module alone: its home is searched, byte by byte."""
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="rgrid-t-"))
    found = GridUnderTest(folder / "home", {"RGRID_SANDBOX": request.param, "RGRID_LOG_LEVEL": "DEBUG"})
    guarded(found.home)
    try:
        yield found.up()
    finally:
        found.destroy()
        shutil.rmtree(folder, ignore_errors=True)


def put(grid: GridUnderTest, name: str, value: str) -> dict[str, Any]:
    done = grid.rgrid("secret", "set", name, "--json", input=value)
    assert done.returncode == 0, done.stderr
    assert value not in done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def forms(value: str) -> dict[str, bytes]:
    """What must be nowhere, by what it is."""
    data = value.encode()
    return {
        "value": data,
        "beginning": data[:8],
        "line": max(data.splitlines(), key=len),
        "base64": base64.b64encode(data)[:40].rstrip(b"="),
        "within base64": base64.b64encode(b"user:" + data)[8:32],
        "hex": data.hex().encode()[:32],
        "url": quote(value).encode()[:40],
        "json": json.dumps(value)[1:-1].encode()[:40],
    }


def found_in(root: Path, *values: str) -> list[str]:
    """Files below `root`, or their names, with any form of `values`; zstd and gzip are looked into."""
    wanted = [(what, form) for value in values for what, form in forms(value).items()]
    found = []
    for path in root.rglob("*"):
        if path.is_symlink() or not path.is_file():
            continue
        data = path.read_bytes()
        plain = [data, os.fsencode(path), opened(data)]
        found += [f"{path}: {what}" for what, form in wanted if any(form in each for each in plain)]
    return found


def opened(data: bytes) -> bytes:
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        import zstandard

        return zstandard.ZstdDecompressor().decompressobj().decompress(data)
    return b""


def roots(grid: GridUnderTest) -> list[Path]:
    """The home, where its Postgres really lies, and what is in memory."""
    room = (grid.home / "pg").resolve()
    return [grid.home, *([room] if room.exists() else []), *Path("/dev/shm").glob("rgrid-*")]


def test_nothing_of_a_secret_is_left_anywhere(secret_grid: GridUnderTest, tmp_path: Path) -> None:
    assert put(secret_grid, "TOKEN", TOKEN)["version"] == 1
    (tmp_path / "key.pem").write_text(KEY)
    done = secret_grid.rgrid("secret", "set", "KEY", "--file", str(tmp_path / "key.pem"))
    assert done.returncode == 0 and KEY[:20] not in done.stderr
    (tmp_path / "worst.py").write_text(WORST)
    for more in ((), ("--cold",) if "--cold" in secret_grid.rgrid("run", "--help").stdout else ()):
        done = secret_grid.rgrid(
            "run", "worst.py", "--secret", "TOKEN", "--secret", "KEY=file", *more, cwd=tmp_path, text=False
        )
        said = done.stdout + done.stderr
        assert done.returncode == 1, said[-3000:]
        assert b"cannot connect with ***" in said and b"child says ***" in said and b"in argv: ***" in said
        assert b"x***y" in said
        assert [what for value in (TOKEN, KEY) for what, form in forms(value).items() if form in said] == []
    told = "".join(
        secret_grid.rgrid(*words).stdout
        for words in (
            ("status", "@last", "--json"),
            ("why", "@last", "--json"),
            ("events", "@last", "--json"),
            ("logs", "@last"),
        )
    )
    assert '"TOKEN"' in told and "cannot connect with ***" in told
    assert [what for value in (TOKEN, KEY) for what, form in forms(value).items() if form in told.encode()] == []
    secret_grid.down()
    seen = " ".join(found_in(secret_grid.home, MARKER))
    assert "/nats/" in seen and "/artifacts/" in seen, "the hunt sees what a script said"
    assert [leak for root in roots(secret_grid) for leak in found_in(root, TOKEN, KEY)] == []
    secret_grid.up()


def test_it_is_listed_replaced_retried_with_and_removed(secret_grid: GridUnderTest, tmp_path: Path) -> None:
    put(secret_grid, "RETRIED", "first-value")
    (tmp_path / "a.py").write_text(
        "import os, sys, hashlib; print(hashlib.sha256(os.environ['RETRIED'].encode()).hexdigest()[:8]); sys.exit(3)\n"
    )
    first = secret_grid.rgrid("run", "a.py", "--secret", "RETRIED", cwd=tmp_path)
    assert first.returncode == 3, first.stderr
    assert put(secret_grid, "RETRIED", "second-value")["version"] == 2
    assert put(secret_grid, "RETRIED", "second-value")["changed"] is False
    again = secret_grid.rgrid("retry", "@last", check=True)
    ended = secret_grid.rgrid("wait", "@last")
    assert ended.returncode == 3, (again.stderr, ended.stderr)
    assert secret_grid.rgrid("logs", "@last", "--attempt", "2").stdout != first.stdout
    listed = [json.loads(line) for line in secret_grid.rgrid("secret", "ls", "--json").stdout.splitlines()]
    assert [(each["name"], each["version"]) for each in listed if each["name"] == "RETRIED"] == [("RETRIED", 2)]
    assert "RETRIED" in secret_grid.rgrid("secret", check=True).stdout
    assert "RETRIED" in secret_grid.rgrid("status", "@last").stdout
    secret_grid.rgrid("secret", "rm", "RETRIED", check=True)
    secret_grid.rgrid("retry", "@last", check=True)
    assert secret_grid.rgrid("wait", "@last").returncode != 0
    shown = json.loads(secret_grid.rgrid("status", "@last", "--json").stdout)
    assert shown["reason"]["code"] == "SECRET_UNAVAILABLE" and "RETRIED was removed" in shown["reason"]["message"]
    refused = secret_grid.rgrid("run", "a.py", "--secret", "RETRIED", cwd=tmp_path)
    assert "There is no secret RETRIED. Set it: rgrid secret set RETRIED" in refused.stderr
    assert refused.returncode == 2
    assert secret_grid.rgrid("secret", "rm", "RETRIED").returncode != 0


def test_a_batch_has_it_in_every_member(secret_grid: GridUnderTest, tmp_path: Path) -> None:
    put(secret_grid, "SHARED", "batch-secret-value")
    (tmp_path / "b.py").write_text(
        "import os, sys; print(sys.argv[1], len(os.environ['SHARED']), os.environ['SHARED'])\n"
    )
    for name in ("1.txt", "2.txt", "3.txt"):
        (tmp_path / name).write_text("x")
    (tmp_path / "rgrid.toml").write_text('secrets = ["SHARED"]\n')
    done = secret_grid.rgrid("run", "b.py", "--batch", "*.txt", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ids = set(re.findall(r"exec_[0-9a-z]{12}", (tmp_path / "outputs" / "batch.json").read_text()))
    said = {secret_grid.rgrid("logs", id_, check=True).stdout for id_ in ids}
    assert said == {"1.txt 18 ***\n", "2.txt 18 ***\n", "3.txt 18 ***\n"}


@pytest.mark.parametrize(
    "words",
    [
        ("secret", "set", "TYPED", "hunter2-typed"),
        ("secret", "set", "TYPED=hunter2-typed"),
        ("secret", "set", "TYPED", "hunter2-typed", "--json"),
        ("run", "a.py", "--secret", "TYPED=hunter2-typed"),
        ("secret", "set", "hunter2-typed"),
    ],
)
def test_a_value_on_the_command_line_is_refused_and_not_repeated(
    secret_grid: GridUnderTest, tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "a.py").write_text("print()\n")
    done = secret_grid.rgrid(*words, cwd=tmp_path, input="piped")
    assert done.returncode == 2
    assert "hunter2" not in done.stdout + done.stderr


@pytest.mark.parametrize("value", ["", "\n", "x" * 65_537])
def test_what_cannot_be_a_value_is_refused(secret_grid: GridUnderTest, value: str) -> None:
    assert secret_grid.rgrid("secret", "set", "EMPTY", input=value).returncode == 2


def test_a_short_one_is_kept_with_a_warning(secret_grid: GridUnderTest) -> None:
    done = secret_grid.rgrid("secret", "set", "PIN", input="42\n", check=True)
    assert "not taken out" in done.stderr


def test_on_a_terminal_it_is_asked_for_and_not_shown(secret_grid: GridUnderTest) -> None:
    ours, theirs = pty.openpty()
    command = [str(Path(sys.executable).with_name("rgrid")), "secret", "set", "TYPED"]
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=secret_grid.env, start_new_session=True
    ) as process:
        os.close(theirs)
        shown = until(ours, rb"not shown\)")
        os.write(ours, b"typed-by-hand\n")
        shown += until(ours, rb"version \d")
        assert process.wait(30) == 0
    os.close(ours)
    assert b"typed-by-hand" not in shown


def until(fd: int, pattern: bytes) -> bytes:
    seen = b""
    while not re.search(pattern, seen):
        assert select.select([fd], [], [], 30)[0], seen
        seen += os.read(fd, 4096)
    return seen
