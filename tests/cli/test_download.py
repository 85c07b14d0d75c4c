"""Outputs come home whole, verified, and only into their folder."""

import hashlib
import json

import pytest

from cli.errors import CliError
from cli.wire.download import download, inside, part_name
from cli.wire.grid import Grid
from cli.wire.offer import HEAD
from cli.wire.patience import Patience
from cli.wire.transport import Api

BODY = bytes(range(256)) * 4000


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "", ".", "a\x00b", "x" * 256])
def test_names_that_would_leave_are_refused(tmp_path, name):
    with pytest.raises(CliError, match="refused"):
        inside(tmp_path, name)


@pytest.mark.parametrize("name", ["a", "a/b", "new\nline", "ü n i", "...", "\x1b[2J"])
def test_odd_names_are_names(tmp_path, name):
    assert inside(tmp_path, name).is_relative_to(tmp_path)


def test_nothing_is_written_through_a_link(tmp_path):
    (tmp_path / "link").symlink_to("/tmp")
    with pytest.raises(CliError, match="link"):
        inside(tmp_path, "link/x")


def test_the_temporary_name_fits():
    longest = part_name("ü" * 127, "0" * 64)
    assert len(longest) < 32
    assert len({longest, part_name("ü" * 126, "0" * 64), part_name("ü" * 127, "1" * 64)}) == 3


def test_the_longest_name_comes_home(odd_server, tmp_path):
    Shelf(odd_server, [("x" * 255, BODY, 0o644)])
    fetch(odd_server, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x" * 255]


class Shelf:
    """A gateway's outputs page and its blob door, which breaks the connection as often as told."""

    def __init__(self, server, items, breaks=0):
        self.server, self.items, self.breaks, self.asked = server, items, breaks, []
        server.behave = self

    def __call__(self, handler):
        if handler.path.startswith("/api/"):
            listed = [
                {"path": path, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "mode": mode,
                 "url": f"{self.server.url}/blobs/{i}"}
                for i, (path, data, mode) in enumerate(self.items)
            ]  # fmt: skip
            self.answer(handler, 200, json.dumps({"items": listed, "next_cursor": None}).encode())
            return
        data = self.items[int(handler.path.rsplit("/", 1)[1])][1]
        begin = int((handler.headers.get("Range") or "bytes=0-")[6:].rstrip("-"))
        self.asked.append(begin)
        self.answer(handler, 206 if begin else 200, data[begin:], cut=self.breaks > 0)
        self.breaks -= 1

    def answer(self, handler, status, data, cut=False):
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[: len(data) // 2] if cut else data)
        handler.close_connection = cut


def fetch(server, folder, **options):
    return download(Api(Grid(server.url, "k", "x")), "exec_1", folder, **options)


def test_a_broken_download_goes_on_where_it_broke(odd_server, tmp_path):
    shelf = Shelf(odd_server, [("deep/a.bin", BODY, 0o755)], breaks=2)
    assert fetch(odd_server, tmp_path / "o") == (1, len(BODY))
    assert (tmp_path / "o" / "deep" / "a.bin").read_bytes() == BODY
    assert (tmp_path / "o" / "deep" / "a.bin").stat().st_mode & 0o100
    assert shelf.asked == [0, len(BODY) // 2, len(BODY) // 2 + len(BODY) // 4]
    assert [path.name for path in (tmp_path / "o").rglob("*") if path.is_file()] == ["a.bin"]


def test_what_is_there_and_the_same_is_left_alone(odd_server, tmp_path):
    (tmp_path / "a").write_bytes(BODY)
    shelf = Shelf(odd_server, [("a", BODY, 0o644), ("empty", b"", 0o644), ("new\nline", b"1", 0o644)])
    assert fetch(odd_server, tmp_path) == (3, len(BODY) + 1)
    assert len(shelf.asked) <= 2
    assert (tmp_path / "new\nline").read_bytes() == b"1"
    assert (tmp_path / "empty").read_bytes() == b""


def test_nothing_is_overwritten_silently(odd_server, tmp_path):
    (tmp_path / "a").write_text("mine")
    shelf = Shelf(odd_server, [("a", BODY, 0o644), ("b", b"2", 0o644)])
    with pytest.raises(CliError) as refused:
        fetch(odd_server, tmp_path)
    assert refused.value.exit_code == 125
    assert "-o other" in refused.value.hint
    assert "--force" in refused.value.hint
    assert (tmp_path / "a").read_text() == "mine"
    assert shelf.asked == []
    fetch(odd_server, tmp_path, force=True)
    assert (tmp_path / "a").read_bytes() == BODY


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(("kind", "name"), [("a folder", "a"), ("a file", "a/b"), ("a link", "a/b")])
def test_force_is_not_advised_where_it_does_not_help(odd_server, tmp_path, force, kind, name):
    at = tmp_path / "a"
    {"a folder": at.mkdir, "a file": at.touch, "a link": lambda: at.symlink_to("nowhere")}[kind]()
    shelf = Shelf(odd_server, [("first", b"1", 0o644), (name, BODY, 0o644)])
    with pytest.raises(CliError, match=f"is {kind}") as refused:
        fetch(odd_server, tmp_path, force=force)
    assert "--force" not in refused.value.hint and "-o other" in refused.value.hint
    assert shelf.asked == [] and len(list(tmp_path.iterdir())) == 1


def test_force_takes_the_place_of_a_link(odd_server, tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "a").symlink_to("mine")
    Shelf(odd_server, [("a", BODY, 0o644)])
    fetch(odd_server, tmp_path, force=True)
    assert (tmp_path / "a").read_bytes() == BODY and (tmp_path / "mine").read_text() == "mine"


def test_damage_is_not_accepted(odd_server, tmp_path):
    class Liar(Shelf):
        def answer(self, handler, status, data, cut=False):
            wrong = data[:-1] + bytes([data[-1] ^ 1]) if handler.path.startswith("/blobs") else data
            super().answer(handler, status, wrong, cut)

    Liar(odd_server, [("a", BODY, 0o644)])
    with pytest.raises(CliError, match="SHA-256"):
        fetch(odd_server, tmp_path)
    assert not (tmp_path / "a").exists()


def test_a_full_disk_is_no_broken_network(odd_server, tmp_path, monkeypatch):
    Shelf(odd_server, [("a.bin", BODY, 0o644)])
    part = tmp_path / part_name("a.bin", hashlib.sha256(BODY).hexdigest())
    part.symlink_to("/dev/full")
    monkeypatch.setattr(Patience, "wait", lambda *_: pytest.fail("the network was waited for"))
    with pytest.raises(CliError, match="No space left on device") as caught:
        fetch(odd_server, tmp_path)
    assert caught.value.code == "OUTPUT_UNWRITABLE" and "Make room" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


class Picks(Shelf):
    """Several pages, each with what gives its small files at once; the same content stands in all of them."""

    PAGES = 3

    def __call__(self, handler):
        if handler.path.startswith("/api/"):
            page = int(handler.path.partition("cursor=")[2] or 0)
            listed = [self.item(f"{page}/{i}", data) for i, (_, data, _) in enumerate(self.items)]
            pick = {"url": f"{self.server.url}/pick/{page}", "blobs": [item["sha256"] for item in listed]}
            following = str(page + 1) if page + 1 < self.PAGES else None
            self.answer(handler, 200, json.dumps({"items": listed, "next_cursor": following, "pick": pick}).encode())
        elif handler.command == "POST":
            hashes = handler.rfile.read(int(handler.headers["Content-Length"])).decode().split("\n")
            by_hash = {hashlib.sha256(data).hexdigest(): data for _, data, _ in self.items}
            body = b"".join(HEAD.pack(bytes.fromhex(sha), len(by_hash[sha])) + by_hash[sha] for sha in hashes)
            self.answer(handler, 200, body, cut=self.breaks > 0)
            self.breaks -= 1
        else:
            self.asked.append(handler.path)
            self.answer(handler, 200, self.items[int(handler.path.rsplit("/", 1)[1])][1])

    def item(self, path, data):
        sha256 = hashlib.sha256(data).hexdigest()
        return {
            "path": path,
            "size_bytes": len(data),
            "sha256": sha256,
            "mode": 0o644,
            "url": f"{self.server.url}/blobs/{path}",
        }


@pytest.mark.parametrize("breaks", [0, 3])
def test_many_small_files_come_in_few_answers(odd_server, tmp_path, breaks):
    items = [("", b"%d" % number * number, 0) for number in range(60)]
    shelf = Picks(odd_server, items, breaks)
    assert fetch(odd_server, tmp_path)[0] == 180
    for page in range(3):
        for number, (_, data, _) in enumerate(items):
            assert (tmp_path / str(page) / str(number)).read_bytes() == data
    assert (shelf.asked == []) == (breaks == 0)
