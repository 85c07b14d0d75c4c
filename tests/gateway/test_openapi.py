"""What the gateway says about itself is true: schemathesis tries it against a real server, with right and wrong data."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from gateway.app import create_app
from gateway.described import describe
from tests.gateway.batch_play import end, members_of, submit_batch
from tests.gateway.conftest import ACCOUNT, GatewayUnderTest
from tests.gateway.test_default_deny import every_route

EXAMPLES_MAX = 12
SEED = 20_261_120
# Some rules no schema can say: two files of one path, one of two fields, a cursor that was never given out, a key of an
# earlier request.
# Waiting is not tried in earnest, and the key that it calls with is not one to revoke.
CONFIG = """
[[operations]]
include-name = "POST /api/v1/executions"
checks.positive_data_acceptance.expected-statuses = ["2xx", 409, 413, 422]
checks.negative_data_rejection.expected-statuses = ["4xx"]

[[operations]]
include-name = "POST /api/v1/batches"
checks.positive_data_acceptance.expected-statuses = ["2xx", 409, 413, 422]
checks.negative_data_rejection.expected-statuses = ["4xx"]

[[operations]]
include-name = "POST /api/v1/batches/{batch_id}/retry"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 413, 422]
checks.negative_data_rejection.expected-statuses = ["4xx"]

[[operations]]
include-name = "GET /api/v1/batches"
checks.positive_data_acceptance.expected-statuses = ["2xx", 409, 422]

[[operations]]
include-name = "GET /api/v1/batches/{batch_id}/members"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422]

[[operations]]
include-name = "GET /api/v1/batches/{batch_id}/wait"
parameters = { timeout_s = 0 }

[[operations]]
include-name = "GET /api/v1/executions"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 409, 422]

[[operations]]
include-name = "GET /api/v1/environments"
checks.positive_data_acceptance.expected-statuses = ["2xx", 409, 422]

[[operations]]
include-name = "POST /api/v1/environments/invalidate"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 422]
checks.negative_data_rejection.expected-statuses = ["4xx"]

[[operations]]
include-name = "POST /api/v1/environments/prune"
checks.positive_data_acceptance.expected-statuses = ["2xx", 404, 422]
checks.negative_data_rejection.expected-statuses = ["4xx"]

[[operations]]
include-name = "POST /api/v1/estimates"
checks.positive_data_acceptance.expected-statuses = ["2xx", 413, 422]
checks.negative_data_rejection.expected-statuses = ["4xx"]

[[operations]]
include-name = "DELETE /api/v1/keys/{key_id}"
parameters = { key_id = "SPARE_KEY" }

[[operations]]
include-name = "POST /api/v1/keys"
checks.positive_data_acceptance.expected-statuses = ["2xx", 409, 413, 422]

[[operations]]
include-name = "PUT /api/v1/secrets/{name}"
checks.positive_data_acceptance.expected-statuses = ["2xx", 409, 413, 422]

[[operations]]
include-name = "GET /api/v1/executions/{execution_id}/wait"
parameters = { timeout_s = 0 }
"""
OUTPUT_LINE_MAX = 400


@pytest.mark.timeout(900)
async def test_schemathesis_finds_nothing(gateway: GatewayUnderTest, tmp_path: Path) -> None:
    execution = await gateway.submit()
    await gateway.assign(execution)
    await gateway.finish(execution, 0)
    await end(gateway, await submit_batch(gateway, members_of(2)), 0)
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG.replace("SPARE_KEY", (await gateway.new_key(ACCOUNT))[1]))
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        str(config),
        "run",
        f"{gateway.url}/api/v1/openapi.json",
        "--url",
        gateway.url,
        "--header",
        f"Authorization: Bearer {gateway.key}",
        "--checks",
        "all",
        "--mode",
        "all",
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        str(EXAMPLES_MAX),
        "--seed",
        str(SEED),
        "--generation-database",
        "none",
        "--no-color",
    ]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, "\n".join(line[:OUTPUT_LINE_MAX] for line in output.decode().splitlines())


async def test_every_route_is_described_with_its_errors(gateway: GatewayUnderTest) -> None:
    app = create_app(gateway.parts)
    document = describe(app)
    described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
    assert len(described) > 15
    served = {path for method, path in every_route(app) if method != "WEBSOCKET"}
    assert len(served) >= len({path for _, path in described})
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation.get("description"), (method, path)
            answers = operation["responses"]
            if path.startswith("/api/"):
                assert {"401", "422", "503"} <= set(answers), (method, path)
            assert any("example" in str(answers[status]) for status in answers if status.startswith("2"))
