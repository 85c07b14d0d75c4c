"""Servers that somebody else runs: the grid works over them, and says in words what they lack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from services.local.external_nats import check_nats
from services.local.external_postgres import check_postgres
from services.local.problem import Problem
from services.runtime.connection_url import Login, login_of
from services.runtime.server_config import render
from services.runtime.settings import Settings
from tests.fixtures.grid import GridUnderTest
from tests.fixtures.nats import CONTROL_PASSWORD, NODE_PASSWORDS, NatsServer

DOCS = Path(__file__).resolve().parents[3] / "docs" / "external-servers.md"


def control_url(server: NatsServer, password: str = CONTROL_PASSWORD) -> str:
    return f"nats://control:{password}@127.0.0.1:{server.port}"


def node_url(server: NatsServer, password: str = NODE_PASSWORDS["local-1"]) -> str:
    return f"nats://local-1:{password}@127.0.0.1:{server.port}"


def test_a_grid_over_external_servers(
    new_grid: Callable[..., GridUnderTest], nats_server: NatsServer, postgres_dsn: str, tmp_path: Path
) -> None:
    grid = new_grid(
        RGRID_NATS_URL=control_url(nats_server),
        RGRID_NATS_NODE_URL=node_url(nats_server),
        RGRID_POSTGRES_DSN=postgres_dsn,
    ).up()
    assert set(grid.pids) == {"supervisor", "services", "gateway", "runner"}
    script = tmp_path / "hello.sh"
    script.write_text("echo hello; echo out > out.txt\n")
    done = grid.rgrid("run", str(script), "-o", str(tmp_path / "out"), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "hello\n"), done.stderr
    assert (tmp_path / "out" / "out.txt").read_text() == "out\n"
    words = grid.local("doctor", check=False).stdout
    assert "yours, by RGRID_NATS_URL" in words and "yours, by RGRID_POSTGRES_DSN" in words
    assert NODE_PASSWORDS["local-1"] not in words + grid.log("supervisor") + grid.log("runner")
    grid.down()
    grid.up()
    assert len(grid.rgrid("ps", "--json").stdout.splitlines()) == 1


def test_a_runner_without_a_user_of_its_own_is_refused_in_words(
    new_grid: Callable[..., GridUnderTest], nats_server: NatsServer
) -> None:
    done = new_grid(RGRID_NATS_URL=control_url(nats_server)).local("up", "-d", check=False)
    assert done.returncode != 0
    assert "RGRID_NATS_NODE_URL" in done.stderr and "docs/external-servers.md" in done.stderr


@pytest.mark.parametrize("wrong", ["RGRID_NATS_URL", "RGRID_NATS_NODE_URL"])
def test_a_wrong_password_names_the_setting(nats_server: NatsServer, wrong: str) -> None:
    passwords = {"RGRID_NATS_URL": CONTROL_PASSWORD, "RGRID_NATS_NODE_URL": NODE_PASSWORDS["local-1"], wrong: "wrong"}
    settings = Settings(
        nats_url=control_url(nats_server, passwords["RGRID_NATS_URL"]),
        nats_node_url=node_url(nats_server, passwords["RGRID_NATS_NODE_URL"]),
    )
    with pytest.raises(Problem, match="does not let") as caught:
        check_nats(settings)
    assert wrong in caught.value.why and "wrong" not in str(caught.value)


def test_a_postgres_that_does_not_let_us_in_is_said_in_its_own_words(postgres_dsn: str) -> None:
    check_postgres(postgres_dsn)
    name = postgres_dsn.partition("?")[0].rpartition("/")[2]
    with pytest.raises(Problem, match="does not exist"):
        check_postgres(postgres_dsn.replace(name, "nowhere"))


def test_credentials_of_a_url() -> None:
    assert login_of("nats://a:b%40c@host:4222") == Login("nats://host:4222", "a", "b@c")
    assert login_of("nats://a:b@host:4222", "me", "mine") == Login("nats://host:4222", "me", "mine")
    assert login_of("nats://host:4222") == Login("nats://host:4222", "", "")


def test_the_documented_accounts_are_those_of_the_embedded_server() -> None:
    text = render(
        store_dir=Path("x"),
        pid_file=Path("x"),
        control_password="CONTROL-PASSWORD",
        node_passwords={"local-1": "NODE-PASSWORD"},
    )
    assert text[text.index("accounts: {") :].strip() in DOCS.read_text()
