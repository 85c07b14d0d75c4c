"""Small outputs go in bundles, through a door that fails, and alone where a bundle is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import aiohttp
from aiohttp import web

from services.artifacts.bundling import Unbundler
from services.runner.bundles import Upload
from services.runner.upload import Uploads
from services.runner.urls import Offer
from services.runtime.messages import BlobRef


class Sink:
    """A door that answers as told, then takes everything; it plays the porter too."""

    def __init__(self, *answers: int) -> None:
        self.answers, self.stored, self.asked, self.url = list(answers), dict[str, bytes](), 0, ""

    async def many(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.answers:
            return web.Response(status=self.answers.pop(0))
        self.stored |= dict(Unbundler().feed(body))
        return web.Response()

    async def one(self, request: web.Request) -> web.Response:
        self.stored[request.match_info["sha256"]] = await request.read()
        return web.Response()

    async def bring(self, blobs: Sequence[BlobRef]) -> Offer:
        self.asked += 1
        return Offer({}, [(self.url, tuple(blob.sha256 for blob in blobs))], {})

    async def upload(self, blobs: Sequence[BlobRef]) -> dict[str, str]:
        return {blob.sha256: f"{self.url}{blob.sha256}" for blob in blobs}


async def stored_by(sink: Sink, folder: Path) -> dict[str, bytes]:
    """What `sink` holds after fifty small files went to it."""
    app = web.Application(client_max_size=1 << 24)
    app.router.add_post("/", sink.many)
    app.router.add_put("/{sha256}", sink.one)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    sink.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        async with aiohttp.ClientSession() as http:
            await Uploads(http).store(files(folder), sink)  # type: ignore[arg-type]
    finally:
        await runner.cleanup()
    return sink.stored


def files(folder: Path) -> list[Upload]:
    for number in range(50):
        (folder / str(number)).write_bytes(bytes([number]) * number)
    return [
        Upload(path, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size) for path in folder.iterdir()
    ]


async def test_a_bundle_is_sent_again_until_it_is_taken(tmp_path: Path) -> None:
    sink = Sink(503, 403, 500)
    assert len(await stored_by(sink, tmp_path)) == 50
    assert sink.asked == 4


async def test_what_is_refused_as_a_bundle_goes_alone(tmp_path: Path) -> None:
    sink = Sink(422)
    assert len(await stored_by(sink, tmp_path)) == 50
    assert sink.asked == 1
