"""Many executions asked at once: two hundred a request, what moved on is nobody's fault, what breaks off says how far it came."""

import json

import pytest

from cli.bulk.posting import posted
from cli.errors import CliError
from cli.wire.grid import Grid
from cli.wire.transport import Api


class Bulk:
    """Answers POST /executions/bulk; refuses from the request number `breaks` on."""

    def __init__(self, breaks=99):
        self.breaks, self.sizes = breaks, []

    def __call__(self, handler):
        ids = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))["ids"]
        self.sizes.append(len(ids))
        broken = len(self.sizes) > self.breaks
        body = (
            {"error": {"code": "INTERNAL", "message": "It broke."}}
            if broken
            else {"items": [answer(each) for each in ids]}
        )
        data = json.dumps(body).encode()
        handler.send_response(500 if broken else 200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)


def answer(each):
    if each == "exec_5":
        return {"id": each, "ok": False, "error": {"code": "WRONG_STATE", "message": "It has not ended."}}
    if each == "exec_6":
        return {"id": each, "ok": False, "error": {"code": "DAMAGED_HISTORY", "message": "Its history is damaged."}}
    return {"id": each, "ok": True, "sequence": 1}


@pytest.fixture
def api(odd_server):
    return Api(Grid(odd_server.url, "k", "x"))


def test_all_are_asked_page_by_page(odd_server, api):
    odd_server.behave = bulk = Bulk()
    outcome = posted(api, "cancel", [f"exec_{i}" for i in range(450)], False)
    assert bulk.sizes == [200, 200, 50]
    assert (len(outcome.done), outcome.moved, list(outcome.refused)) == (448, 1, ["exec_6"])
    assert outcome.exit_code == 125


def test_what_breaks_off_says_how_far_it_came(odd_server, api):
    odd_server.behave = Bulk(breaks=2)
    with pytest.raises(CliError) as broken:
        posted(api, "retry", [f"exec_{i + 10}" for i in range(450)], False)
    assert "400 of 450 were done." in broken.value.message
    assert "Type the same again" in broken.value.hint
