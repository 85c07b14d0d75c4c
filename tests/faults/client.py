"""A client of the HTTP API that does what a patient program does: the same request again until it is answered."""

from __future__ import annotations

import hashlib
import json
import time
import urllib.error
import urllib.request
from typing import Any

from tests.fixtures.grid import GridUnderTest

PATIENCE_SECONDS = 60.0


class Client:
    """Every call retries on a broken connection, 503 and 507 until `patience_seconds` are over."""

    def __init__(self, grid: GridUnderTest, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self.patience_seconds = patience_seconds
        self.base, self.key = grid.api_url + "/api/v1", grid.api_key

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The decoded answer; raises HTTPError for what trying again does not mend."""
        data = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        url = self.base + path
        request = urllib.request.Request(
            url,
            data,
            {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **named},
            method=method,
        )
        return json.loads(self._patiently(request))

    def raw(self, path: str) -> bytes:
        """The bytes of an answer that is no JSON."""
        return self._patiently(
            urllib.request.Request(self.base + path, headers={"Authorization": f"Bearer {self.key}"})
        )

    def upload(self, content: bytes) -> str:
        """Store a blob; returns its SHA-256."""
        sha256 = hashlib.sha256(content).hexdigest()
        blobs = {"blobs": [{"sha256": sha256, "size_bytes": len(content)}]}
        for url in self.call("POST", "/blobs", blobs)["missing"].values():
            self._patiently(urllib.request.Request(url, content, method="PUT"))
        return sha256

    def submit(self, script: bytes, key: str, **more: Any) -> str:
        """Submit a Python script under an idempotency key; returns the id of the execution."""
        sha256 = hashlib.sha256(script).hexdigest()
        body = {
            "script": {"path": "script.py", "sha256": sha256, "size_bytes": len(script), "mode": 420},
            "runtime": "python",
            **more,
        }
        return str(self.call("POST", "/executions", body, Idempotency_Key=key)["id"])

    def get(self, id: str) -> dict[str, Any]:
        return dict(self.call("GET", f"/executions/{id}"))

    def ended(self, id: str, seconds: float) -> dict[str, Any]:
        """The execution once it has ended and its bill is closed; fails the test when that takes longer."""
        until = time.monotonic() + seconds
        while True:
            doc = self.get(id)
            if doc["finished_at"] and doc["cost"]["final_micros"] is not None:
                return doc
            assert time.monotonic() < until, f"{id} did not end within {seconds} s: {json.dumps(doc)[:3000]}"
            time.sleep(0.1)

    def until(self, id: str, seconds: float, what: str) -> dict[str, Any]:
        """The execution once its status is `what`."""
        deadline = time.monotonic() + seconds
        while True:
            doc = self.get(id)
            if doc["status"] == what:
                return doc
            assert time.monotonic() < deadline, (
                f"{id} is {doc['status']}, not {what}, after {seconds} s: {doc['reason']}"
            )
            time.sleep(0.05)

    def events(self, id: str) -> list[dict[str, Any]]:
        return list(self.call("GET", f"/executions/{id}/events")["items"])

    def _patiently(self, request: urllib.request.Request) -> bytes:
        until = time.monotonic() + self.patience_seconds
        while True:
            try:
                with urllib.request.urlopen(request, timeout=10) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                if error.code not in (503, 507) or time.monotonic() > until:
                    raise
            except OSError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.1)
