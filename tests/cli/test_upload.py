"""Files go up once and whole: in bundles, whole and in parts, whatever answers in between."""

import hashlib
import json
import os
import struct

import pytest

from cli.errors import CliError, UsageProblem
from cli.wire import filling, patience
from cli.wire.blob import of_bytes, of_file
from cli.wire.download import download, part_name
from cli.wire.grid import Grid
from cli.wire.progress import Progress
from cli.wire.transport import Api
from cli.wire.upload import upload

PART = 1 << 20
SMALL, LARGE = 3 * 1024, PART + 5


class Store:
    """A gateway that lacks what is not `stored`, its blob door, and a store that takes parts; `odd` answers come first."""

    def __init__(self, server):
        self.server, self.stored, self.parts, self.odd, self.puts, self.finishes = server, {}, {}, [], 0, 0
        self.sizes = {}
        server.behave = self

    def __call__(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        if handler.path.startswith("/api/"):
            return self.answer(handler, 200, json.dumps(self.offer(json.loads(body)["blobs"])).encode())
        if self.odd and handler.command in ("PUT", "POST"):
            return self.answer(handler, *self.odd.pop(0))
        kind, sha, *number = handler.path.strip("/").split("/")
        return getattr(self, kind)(handler, sha, body, *number)

    def offer(self, blobs):
        lacking = {blob["sha256"]: blob["size_bytes"] for blob in blobs if blob["sha256"] not in self.stored}
        self.sizes |= lacking
        small = [sha for sha, size in lacking.items() if size < 2000]
        parts = {sha: self.parted(sha, size) for sha, size in lacking.items() if size > PART}
        alone = {sha: f"{self.server.url}/whole/{sha}" for sha in lacking if sha not in parts and sha not in small}
        bundle = {"url": f"{self.server.url}/bundle/x", "bytes_max": 10_000, "blobs": small}
        return {"missing": alone, "bundle": bundle, "parts": parts}

    def parted(self, sha, size):
        have = self.parts.setdefault(sha, {})
        wanted = [number for number in range(1, -(-size // PART) + 1) if number not in have]
        urls = {str(number): f"{self.server.url}/part/{sha}/{number}" for number in wanted[:2]}
        came = sum(len(part) for part in have.values())
        return {"part_bytes": PART, "urls": urls, "stored_bytes": came, "finish": f"{self.server.url}/finish/{sha}"}

    def bundle(self, handler, _, body):
        while body:
            digest, length = struct.unpack_from(">32sQ", body)
            self.stored[digest.hex()], body = body[40 : 40 + length], body[40 + length :]
        self.answer(handler, 200)

    def whole(self, handler, sha, body):
        self.stored[sha] = body
        self.answer(handler, 201)

    def part(self, handler, sha, body, number):
        self.puts += 1
        self.parts[sha][int(number)] = body
        self.answer(handler, 200)

    def finish(self, handler, sha, _):
        self.finishes += 1
        if self.finishes % 2:
            return self.answer(handler, 202)
        content = b"".join(self.parts[sha][number] for number in sorted(self.parts[sha]))
        if hashlib.sha256(content).hexdigest() != sha:
            self.parts[sha] = {}
            return self.answer(handler, 422, b'{"error": {"code": "HASH_MISMATCH", "message": "Another."}}')
        self.stored[sha] = content
        return self.answer(handler, 200)

    def answer(self, handler, status, data=b"", kind="application/json"):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


@pytest.fixture
def store(odd_server):
    return Store(odd_server)


@pytest.fixture
def api(store):
    return Api(Grid(store.server.url, "k", "x"))


def files(folder):
    for number, size in enumerate([10] * 30 + [SMALL, 0, LARGE, 4 * PART]):
        (folder / f"{number}").write_bytes(os.urandom(size))
    return [of_file(path) for path in folder.iterdir()]


def test_small_middling_and_large_ones_all_arrive_and_only_once(store, api, tmp_path):
    blobs = files(tmp_path)
    assert upload(api, blobs) == {blob.sha256 for blob in blobs}
    assert {sha: hashlib.sha256(data).hexdigest() for sha, data in store.stored.items()} == {
        b.sha256: b.sha256 for b in blobs
    }
    assert store.puts == 2 + 4
    assert upload(api, [*blobs, of_bytes(b"new")]) == {of_bytes(b"new").sha256}
    assert store.puts == 2 + 4


@pytest.mark.parametrize(
    "odd",
    [(503, b""), (429, b"<html>", "text/html"), (502, b"<html>", "text/html"), (403, b"<Error/>", "application/xml")],
)
def test_what_is_answered_for_a_while_is_ridden_over(store, api, tmp_path, odd, capfd):
    blobs = files(tmp_path)
    store.odd = [odd] * 3
    upload(api, blobs)
    assert len(store.stored) == len({blob.sha256 for blob in blobs})
    told = capfd.readouterr().err
    assert told.count("was interrupted") == 1
    assert ("web page" in told) == ("text/html" in odd)


def test_a_page_that_says_yes_is_no_answer_of_the_store(store, api):
    store.odd = [(200, b"<html>Sign in to the hotel network", "text/html")]
    with pytest.raises(CliError, match="web page") as refused:
        upload(api, [of_bytes(b"x" * SMALL)])
    assert refused.value.code == "NOT_RGRID"


def test_a_store_that_stays_away_is_named_in_the_end(store, api, monkeypatch):
    monkeypatch.setattr(patience, "GIVE_UP_SECONDS", 0.5)
    store.odd = [(502, b"<html>", "text/html")] * 50
    with pytest.raises(CliError, match="web page") as given_up:
        upload(api, [of_bytes(b"x" * SMALL)])
    assert given_up.value.code == "TRANSFER_FAILED"


def test_parts_that_are_there_are_not_sent_again(store, api, tmp_path):
    (tmp_path / "large").write_bytes(data := os.urandom(5 * PART))
    blob = of_file(tmp_path / "large")
    store.parts[blob.sha256] = {number: data[(number - 1) * PART : number * PART] for number in (1, 2, 4)}
    upload(api, [blob])
    assert (store.puts, store.stored[blob.sha256] == data) == (2, True)


def test_what_arrived_damaged_is_sent_again_whole(store, api, tmp_path):
    (tmp_path / "large").write_bytes(data := os.urandom(3 * PART))
    blob = of_file(tmp_path / "large")
    store.parts[blob.sha256] = {2: bytes(PART)}
    upload(api, [blob])
    assert (store.puts, store.stored[blob.sha256] == data) == (2 + 3, True)


def test_a_file_that_changes_meanwhile_is_named(store, api, tmp_path):
    (tmp_path / "large").write_bytes(os.urandom(3 * PART))
    blob = of_file(tmp_path / "large")
    (tmp_path / "large").write_bytes(os.urandom(3 * PART))
    with pytest.raises(UsageProblem, match="changed"):
        upload(api, [blob])
    assert blob.sha256 not in store.stored


class Bucket:
    """A gateway's list of outputs and an S3 store that knows ranges; it breaks every answer in the middle as often as told."""

    def __init__(self, server, data, breaks=0):
        self.server, self.data, self.breaks, self.sent = server, data, breaks, 0
        server.behave = self

    def __call__(self, handler):
        if handler.path.startswith("/api/"):
            item = {
                "path": "big",
                "size_bytes": len(self.data),
                "sha256": hashlib.sha256(self.data).hexdigest(),
                "mode": 0o644,
            }
            item["url"] = f"{self.server.url}/bucket/big?X-Amz-Signature=1"
            body, status = json.dumps({"items": [item], "next_cursor": None}).encode(), 200
        else:
            first, _, last = handler.headers["Range"][6:].partition("-")
            body, status = self.data[int(first) : int(last) + 1 if last else None], 206
        self.breaks -= (cut := status == 206 and self.breaks > 0)
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(sent := body[: len(body) // 2] if cut else body)
        self.sent += len(sent) if status == 206 else 0
        handler.close_connection = cut


def test_a_large_output_comes_in_stretches_and_goes_on(odd_server, tmp_path, monkeypatch):
    monkeypatch.setattr(filling, "STRETCH_BYTES", 100_000)
    bucket = Bucket(odd_server, os.urandom(1_050_000), breaks=3)
    api = Api(Grid(odd_server.url, "k", "x"))
    assert download(api, "exec_1", tmp_path / "a") == (1, 1_050_000)
    assert (tmp_path / "a" / "big").read_bytes() == bucket.data
    assert bucket.sent == len(bucket.data)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["big"]


def test_stretches_that_are_there_are_not_fetched_again(odd_server, tmp_path, monkeypatch):
    monkeypatch.setattr(filling, "STRETCH_BYTES", 100_000)
    bucket = Bucket(odd_server, os.urandom(1_050_000))
    part = tmp_path / part_name("big", hashlib.sha256(bucket.data).hexdigest())
    part.write_bytes(bytes(100_000) + bucket.data[100_000:300_000] + bytes(750_000))
    filling.ledger_of(part).write_text("100000\n200000\n")
    download(Api(Grid(odd_server.url, "k", "x")), "exec_1", tmp_path)
    assert (tmp_path / "big").read_bytes() == bucket.data
    assert bucket.sent == len(bucket.data) - 200_000


def test_progress_says_how_far_how_fast_and_how_long(monkeypatch):
    progress = Progress("uploading", 1_000_000_000)
    began = progress._marks[0][0]
    progress.known(100_000_000)
    assert progress.words(began + 1) == "100 MB of 1.0 GB"
    progress.add(150_000_000)
    assert progress.words(began + 2) == "250 MB of 1.0 GB · 75 MB/s · 10.0 s left"
    progress.note = "the grid verifies it"
    assert progress.words(began + 3) == "250 MB of 1.0 GB · the grid verifies it"


def test_off_a_terminal_progress_is_plain_lines(monkeypatch, capfd):
    monkeypatch.setattr("cli.wire.progress.SHOWN_AFTER_SECONDS", 0.0)
    monkeypatch.setattr("cli.wire.progress.TOLD_SECONDS", 0.01)
    with Progress("uploading", 2000) as progress:
        progress.add(1000)
        while "1.0 KB of 2.0 KB" not in (told := capfd.readouterr().err):
            assert "\x1b" not in told and "\r" not in told
