"""With --json a verb that finds nothing to do still answers with an object, and the groups take the option themselves."""

import json
from urllib.parse import urlsplit

import pytest

from cli.main import answer

BATCH = {"id": "batch_000000000001", "status": "succeeded", "count": 2, "counts": {"succeeded": 2, "failed": 0}}
NODE = {"id": "local-1", "status": "joined", "cpu_millis": 2000, "memory_bytes": 4 * 1024**3, "runtimes": ["python"]}


def small_grid(handler):
    """One batch, all of whose members succeeded, one node, one project, no single executions."""
    path = urlsplit(handler.path).path.removeprefix("/api/v1")
    lists = {"/nodes": [NODE], "/projects": [{"name": "p", "retention_days": 30}]}
    said = BATCH if path.startswith("/batches/") else {"items": lists.get(path, []), "next_cursor": None}
    data = json.dumps(said).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


@pytest.fixture(autouse=True)
def grid(odd_server, monkeypatch):
    odd_server.behave = small_grid
    monkeypatch.setenv("RGRID_API_URL", odd_server.url)
    monkeypatch.setenv("RGRID_API_KEY", "rgk_x")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("projects --json", {"name": "p"}),
        ("nodes --json", {"id": "local-1"}),
        ("retry batch_000000000001 --failed --json", {"id": BATCH["id"], "count": 0, "dry_run": False}),
        ("retry batch_000000000001 --failed --json --dry-run", {"id": BATCH["id"], "count": 0, "dry_run": True}),
        ("retry batch_000000000001 --all --json --dry-run", {"id": BATCH["id"], "count": 2, "dry_run": True}),
        ("retry --failed --tag zz=1 --json", {"op": "retry", "count": 0, "ids": [], "dry_run": False}),
        ("cancel --tag zz=1 --json --dry-run", {"op": "cancel", "count": 0, "ids": [], "dry_run": True}),
    ],
)
def test_an_object_is_printed(words, said, capfd):
    assert answer(words.split()) == 0
    out = capfd.readouterr().out
    assert json.loads(out) | said == json.loads(out)
