"""Every route there is, WebSockets included, refuses who has no key; what does not is on the list of exemptions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import websockets
from starlette.routing import Mount, Route, WebSocketRoute

from gateway.app import create_app
from gateway.auth import EXEMPT, exempt
from tests.gateway.conftest import GatewayUnderTest


def every_route(app: object) -> Iterator[tuple[str, str]]:
    """(method or WEBSOCKET, path with its parameters filled in), also of routes inside of mounts and included routers."""
    pending = [("", route) for route in app.routes]  # type: ignore[attr-defined]
    while pending:
        prefix, route = pending.pop()
        if isinstance(route, WebSocketRoute):
            yield "WEBSOCKET", prefix + filled(route.path)
        elif isinstance(route, Mount):
            yield "GET", prefix + route.path + "/x"
        elif isinstance(route, Route):
            for method in route.methods or ():
                yield method, prefix + filled(route.path)
        else:
            context = getattr(route, "include_context", None)
            inner = getattr(route, "original_router", None)
            assert inner is not None, f"{route!r}: this test does not know how to look into it"
            pending += [(prefix + (context.prefix if context else ""), each) for each in inner.routes]


def filled(path: str) -> str:
    ids = {
        "{execution_id}": "exec_000000000000",
        "{batch_id}": "batch_000000000000",
        "{key_id}": "00000000",
        "{name}": "default",
    }
    for name, id in ids.items():
        path = path.replace(name, id)
    assert "{" not in path, f"{path}: this test does not know what to fill in"
    return path


async def test_without_a_key_nothing_opens_but_the_exemptions(gateway: GatewayUnderTest) -> None:
    routes = sorted(set(every_route(create_app(gateway.parts))))
    assert len(routes) > 20
    assert ("WEBSOCKET", "/api/v1/executions/exec_000000000000/logs/stream") in routes
    for method, path in routes:
        if exempt(path):
            continue
        if method == "WEBSOCKET":
            with pytest.raises(websockets.InvalidStatus) as refused:
                await websockets.connect(f"ws://127.0.0.1:{gateway.port}{path}")
            assert refused.value.response.status_code == 401
            continue
        async with gateway.http.request(method, gateway.url + path) as answer:
            assert answer.status == 401, (method, path)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_exemptions_are_these() -> None:
    assert EXEMPT == ("/healthz", "/readyz", "/api/v1/openapi.json", "/blobs/")
    assert not exempt("/healthz/x") and not exempt("/blobs") and not exempt("/api/v1/openapi.json/../keys")


async def test_the_blob_door_is_guarded_by_signatures(gateway: GatewayUnderTest) -> None:
    async with gateway.http.get(f"{gateway.url}/blobs/local/{'0' * 64}") as answer:
        assert answer.status == 403


@pytest.mark.parametrize(
    "key", ["", "x", "rgk_00000000_" + "0" * 39, "rgk_é", "Bearer", "rgk_" + "9" * 5000], ids=range(6)
)
async def test_what_is_no_key_is_refused(gateway: GatewayUnderTest, key: str) -> None:
    async with gateway.http.get(f"{gateway.url}/api/v1/nodes", headers={"Authorization": f"Bearer {key}"}) as answer:
        body = await answer.json()
    assert answer.status == 401 and body["error"]["code"] == "UNAUTHENTICATED"


async def test_a_wrong_secret_is_refused_and_a_revoked_key_soon(gateway: GatewayUnderTest) -> None:
    key, key_id = await gateway.new_key("local")
    other, _ = await gateway.new_key("local")
    assert (await gateway.call("GET", "/keys", key=key))[0] == 200
    mixed = f"rgk_{key_id}_{other.split('_')[2]}"
    assert (await gateway.call("GET", "/keys", key=mixed))[0] == 401
    status, body = await gateway.call("DELETE", f"/keys/{key_id}")
    assert status == 200
    await gateway.parts.queries.wait_for(body["sequence"], 5)
    gateway.parts.keys._cache.clear()
    assert (await gateway.call("GET", "/keys", key=key))[0] == 401


async def test_a_ticket_opens_one_socket_once_and_only_from_our_own_pages(gateway: GatewayUnderTest) -> None:
    execution = await gateway.submit()
    _, body = await gateway.call("POST", "/tickets")
    address = f"ws://127.0.0.1:{gateway.port}/api/v1/executions/{execution}/logs/stream?ticket={body['ticket']}"
    with pytest.raises(websockets.InvalidStatus) as refused:
        await websockets.connect(address, origin="https://elsewhere.example")
    assert refused.value.response.status_code == 403
    async with websockets.connect(address, origin=f"http://127.0.0.1:{gateway.port}") as socket:
        assert '"hello"' in str(await socket.recv())
    with pytest.raises(websockets.InvalidStatus) as used:
        await websockets.connect(address)
    assert used.value.response.status_code == 401
