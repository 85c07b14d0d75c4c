"""Settings: read from a mapping, checked with clear words."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import Invalid
from services.runtime.settings import load


def test_defaults_need_nothing() -> None:
    settings = load({})
    assert settings.home == Path.home() / ".rgrid"
    assert settings.artifacts_folder == settings.home / "artifacts"
    assert (settings.node_id, settings.sandbox, settings.log_bytes_max) == ("local-1", "auto", 1024**3)


def test_values_are_parsed() -> None:
    settings = load({"RGRID_HOME": "/x", "RGRID_GATEWAY_PORT": "80", "RGRID_LEASE_SECONDS": "7.5", "PATH": "/bin"})
    assert (settings.home, settings.gateway_port, settings.lease_seconds) == (Path("/x"), 80, 7.5)
    assert settings.base_url == "http://127.0.0.1:80"


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(Invalid, match=r"no setting RGRID_NATS_URI\. Did you mean RGRID_NATS_URL\?"):
        load({"RGRID_NATS_URI": "nats://x"})


def test_the_names_of_benchmarks_are_left_alone() -> None:
    load({"RGRID_BENCH_SECONDS": "3"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RGRID_GATEWAY_PORT", "99999"),
        ("RGRID_GATEWAY_PORT", "http"),
        ("RGRID_NATS_URL", "localhost:4222"),
        ("RGRID_POSTGRES_DSN", "host=x"),
        ("RGRID_SANDBOX", "podman"),
        ("RGRID_DOCKER_PULL", "always"),
        ("RGRID_WARM", "perhaps"),
        ("RGRID_DOCKER_RUNTIME", "a b"),
        ("RGRID_NODE_ID", "a.b"),
        ("RGRID_NODE_TYPE", "cx999"),
        ("RGRID_URL_KEY", "abc"),
        ("RGRID_LEASE_SECONDS", "-1"),
        ("RGRID_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_value_that_cannot_be_is_refused(name: str, text: str) -> None:
    with pytest.raises(Invalid, match=f"{name}='{text}' does not work: it must be "):
        load({name: text})


def test_keys_of_secrets_are_whole_and_are_not_repeated_when_they_are_not() -> None:
    key = "ab" * 32
    assert load({"RGRID_SECRETS_KEY": key}).secrets_key == key
    assert load({"RGRID_SECRETS_KEYS_OLD": f"{key}, {key}"}).secrets_keys_old == (key, key)
    for name in ("RGRID_SECRETS_KEY", "RGRID_SECRETS_KEYS_OLD"):
        with pytest.raises(Invalid, match=f"{name} does not work: it must be 64 hex digits") as refused:
            load({name: key[:-2]})
        assert key[:-2] not in refused.value.message
