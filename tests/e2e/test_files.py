"""Files of all kinds to a real grid and back: what travels, what is refused by name, what survives a killed gateway."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.faults.client import Client
from tests.fixtures.grid import GridUnderTest


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def last(grid: GridUnderTest) -> dict[str, Any]:
    return dict(json.loads(grid.rgrid("status", "@last", "--json", check=True).stdout))


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_thousands_of_small_files_both_ways(shared_grid: GridUnderTest, desk: Path) -> None:
    for number in range(3000):
        path = desk / "in" / str(number % 30) / f"file {number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content {number}" * (number % 3))
    (desk / "copy.py").write_text("import shutil\nshutil.copytree('in', 'out')\n")
    done = shared_grid.rgrid("run", "copy.py", "--input", "in", "-o", "home", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert files_below(desk / "home/out") == files_below(desk / "in")
    assert last(shared_grid)["outputs"]["count"] == 3000


def test_what_changed_in_place_comes_home_and_what_did_not_stays(shared_grid: GridUnderTest, desk: Path) -> None:
    for name in ("changed", "kept", "touched", "removed", "replaced", "mode"):
        (desk / "in" / name).parent.mkdir(exist_ok=True)
        (desk / "in" / name).write_text(name)
    (desk / "folder").mkdir()
    (desk / "folder/file").write_text("x")
    (desk / "edit.py").write_text(
        "import os, pathlib, shutil\n"
        "with open('in/changed', 'r+') as f: f.write('CHANGE')\n"
        "os.remove('in/removed')\n"
        "pathlib.Path('in/new').write_text('other'); os.replace('in/new', 'in/replaced')\n"
        "os.chmod('in/mode', 0o755)\n"
        "shutil.rmtree('folder'); pathlib.Path('folder').write_text('now a file')\n"
    )
    done = shared_grid.rgrid("run", "edit.py", "--input", "in", "--input", "folder", "-o", "home", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert files_below(desk / "home") == {
        "in/changed": b"CHANGEd",
        "in/replaced": b"other",
        "in/mode": b"mode",
        "folder": b"now a file",
    }
    assert (desk / "home/in/mode").stat().st_mode & stat.S_IXUSR
    assert (desk / "in/changed").read_text() == "changed"


def test_empty_sparse_and_deep(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "odd.py").write_text(
        "import os\n"
        "open('empty', 'w').close()\n"
        "with open('sparse', 'wb') as f: f.truncate(64 << 20)\n"
        "deep = '/'.join(['d' * 20] * 150); os.makedirs(deep); open(deep + '/leaf', 'w').write('leaf')\n"
        "os.makedirs('no/files/here')\n"
    )
    done = shared_grid.rgrid("run", "odd.py", "-o", "home", cwd=desk)
    assert done.returncode == 0, done.stderr
    deep = "/".join(["d" * 20] * 150) + "/leaf"
    found = files_below(desk / "home")
    assert found.keys() == {"empty", "sparse", deep}
    assert (found["empty"], found[deep], found["sparse"]) == (b"", b"leaf", bytes(64 << 20))


def test_what_is_no_plain_file_is_refused_by_name(shared_grid: GridUnderTest, desk: Path) -> None:
    (desk / "kinds.py").write_text(
        "import os, socket\n"
        "open('good', 'w').write('good'); os.link('good', 'twin')\n"
        "os.symlink('good', 'link'); os.symlink('/etc', 'folder-link'); os.symlink('nowhere', 'dangling')\n"
        "os.mkfifo('pipe'); socket.socket(socket.AF_UNIX).bind('door')\n"
        "open(b'not utf-8 \\xff', 'w').write('x')\n"
        "os.mkdir('locked'); open('locked/inside', 'w').write('in'); os.chmod('locked', 0)\n"
        "open('unreadable', 'w').write('u'); os.chmod('unreadable', 0)\n"
    )
    done = shared_grid.rgrid("run", "kinds.py", "-o", "home", cwd=desk)
    assert done.returncode == 0, done.stderr
    assert files_below(desk / "home") == {"good": b"good", "twin": b"good", "locked/inside": b"in", "unreadable": b"u"}
    refused = {each["path"]: each["reason"] for each in last(shared_grid)["outputs_refused"]}
    odd = next(path for path in refused if path.startswith("not utf-8"))
    assert refused.keys() == {"link", "folder-link", "dangling", "pipe", "door", odd}
    assert "symbolic link" in refused["link"] and "FIFO" in refused["pipe"] and "socket" in refused["door"]
    assert all(path.partition("\\")[0] in done.stderr for path in refused)


def test_inputs_that_are_no_plain_files_are_refused_before_anything_is_queued(
    shared_grid: GridUnderTest, desk: Path
) -> None:
    (desk / "a.py").write_text("pass\n")
    (desk / "in").mkdir()
    before = shared_grid.rgrid("ps", "--json").stdout
    cases = [
        lambda path: os.mkfifo(path),
        lambda path: socket.socket(socket.AF_UNIX).bind(os.path.relpath(path)),
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: Path(os.fsdecode(bytes(path) + b"\xff")).write_text("x"),
    ]
    for number, make in enumerate(cases):
        folder = desk / f"in{number}"
        folder.mkdir()
        here = Path.cwd()
        os.chdir(folder)
        try:
            make(folder / "odd")
        finally:
            os.chdir(here)
        done = shared_grid.rgrid("run", "a.py", "--input", folder.name, cwd=desk)
        assert done.returncode == 2 and "odd" in done.stderr, done.stderr
    assert shared_grid.rgrid("ps", "--json").stdout == before


def stored(grid: GridUnderTest, sha256: str) -> Path:
    """The file of a blob in the artifact folder."""
    return next(path for path in (grid.home / "artifacts").rglob(f"{sha256}*") if path.suffix in ("", ".zst"))


def test_a_damaged_blob_is_noticed_named_and_healed_by_uploading_again(grid: GridUnderTest, desk: Path) -> None:
    (desk / "in.txt").write_bytes(b"some content that matters\n" * 1000)
    (desk / "cat.py").write_text("import hashlib\nprint(hashlib.sha256(open('in.txt', 'rb').read()).hexdigest())\n")
    sha256 = hashlib.sha256((desk / "in.txt").read_bytes()).hexdigest()
    client = Client(grid)
    client.upload((desk / "in.txt").read_bytes())
    path = stored(grid, sha256)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    first = grid.rgrid("run", "cat.py", "in.txt", cwd=desk)
    assert first.returncode == 125
    assert {each["reason"]["code"] for each in last(grid)["attempts"]} == {"INPUT_DAMAGED", "PLATFORM_FAULTS"}
    assert "it was damaged there" in first.stderr and "Run it again" in first.stderr
    again = grid.rgrid("run", "cat.py", "in.txt", cwd=desk)
    assert again.stdout == f"{sha256}\n", again.stderr


def test_transfers_go_on_after_the_gateway_was_killed_in_the_middle(grid: GridUnderTest, desk: Path) -> None:
    with (desk / "big.bin").open("wb") as big:
        for _ in range(256):
            big.write(os.urandom(1 << 20))
    (desk / "copy.py").write_text("import shutil\nprint('copying', flush=True)\nshutil.copy('big.bin', 'out.bin')\n")
    killed: list[str] = []

    def kill_in_the_middle() -> None:
        for what, folder, pattern in (
            ("upload", grid.home / "artifacts", "*/parts/*"),
            ("download", desk, "home/*.part"),
        ):
            until = time.monotonic() + 60
            while time.monotonic() < until and not any(path.stat().st_size > 10 << 20 for path in folder.glob(pattern)):
                time.sleep(0.005)
            grid.kill("gateway")
            killed.append(what)

    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    done = grid.rgrid("run", "copy.py", "big.bin", "-o", "home", cwd=desk)
    killer.join()
    assert killed == ["upload", "download"]
    assert done.returncode == 0, done.stderr
    assert (desk / "home/out.bin").read_bytes() == (desk / "big.bin").read_bytes()


def test_an_expired_or_altered_url_opens_nothing(shared_grid: GridUnderTest) -> None:
    client = Client(shared_grid)
    content = os.urandom(2000)
    sha256 = hashlib.sha256(content).hexdigest()
    asked = client.call("POST", "/blobs", {"blobs": [{"sha256": sha256, "size_bytes": len(content)}]})
    url = asked["missing"][sha256]
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    assert int(query["exp"]) - time.time() <= 15 * 60
    for change in (
        {"exp": "1"},
        {"exp": str(int(query["exp"]) + 1)},
        {"op": "get"},
        {"scope": "other"},
        {"sig": "0" * 64},
    ):
        bad = parts._replace(query=urllib.parse.urlencode(query | change)).geturl()
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(urllib.request.Request(bad, content, method="PUT"))
        assert refused.value.code in (400, 403, 410)
    assert client.upload(content) == sha256
