"""Which settings each part gets: the runner holds its node's password and no other secret of the grid."""

from __future__ import annotations

import os
from dataclasses import dataclass

from services.local.home import Home
from services.local.secrets_file import Secrets
from services.runtime.connection_url import Login, login_of
from services.runtime.settings import Settings

PASSED_ON = (
    "RGRID_ENVIRONMENT_BYTES_MAX",
    "RGRID_LOG_BYTES_MAX",
    "RGRID_LEASE_SECONDS",
    "RGRID_HEARTBEAT_SECONDS",
    "RGRID_KILL_GRACE_SECONDS",
    "RGRID_LOG_LEVEL",
    "RGRID_PUBLIC_URL",
    "RGRID_NODE_TYPE",
    "RGRID_PYTHONS",
    "RGRID_SANDBOX",
    "RGRID_WARM",
    "RGRID_DOCKER_IMAGES",
    "RGRID_DOCKER_RUNTIME",
    "RGRID_DOCKER_PULL",
)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the servers of this run are."""

    nats_url: str
    postgres_dsn: str
    gateway_host: str
    gateway_port: int

    @property
    def api_url(self) -> str:
        return f"http://{self.gateway_host}:{self.gateway_port}"


def control_environment(home: Home, settings: Settings, known: Secrets, at: Addresses) -> dict[str, str]:
    """For the services and the gateway."""
    login = login_of(settings.nats_url, settings.nats_user, settings.nats_password)
    own = Login(at.nats_url, "control", known.nats_control)
    return (
        _base(home, settings)
        | _nats(login if settings.nats_url else own)
        | {
            "RGRID_POSTGRES_DSN": at.postgres_dsn,
            "RGRID_GATEWAY_HOST": at.gateway_host,
            "RGRID_GATEWAY_PORT": str(at.gateway_port),
            "RGRID_URL_KEY": settings.url_key or known.url_key,
            "RGRID_SECRETS_KEY": settings.secrets_key or known.secrets_key,
            "RGRID_SECRETS_KEYS_OLD": ",".join(old_keys(settings, known)),
            "RGRID_ARTIFACTS": str(settings.artifacts or home.artifacts),
        }
        | s3_environment(settings)
    )


def old_keys(settings: Settings, known: Secrets) -> tuple[str, ...]:
    """What sealed before: who now gives a key has sealed with the generated one until then."""
    own = (known.secrets_key,) if settings.secrets_key not in ("", known.secrets_key) else ()
    return (*settings.secrets_keys_old, *own)


def runner_environment(home: Home, settings: Settings, known: Secrets, at: Addresses) -> dict[str, str]:
    """For the runner, which reaches NATS as its node: by what RGRID_NATS_NODE_URL says, else by our own server's user."""
    given = login_of(settings.nats_node_url or at.nats_url)
    own = Login(given.url, settings.node_id, known.nats_node)
    return _base(home, settings) | _nats(given if settings.nats_url else own)


def _nats(login: Login) -> dict[str, str]:
    return {"RGRID_NATS_URL": login.url, "RGRID_NATS_USER": login.user, "RGRID_NATS_PASSWORD": login.password}


def s3_environment(settings: Settings) -> dict[str, str]:
    """What names the S3 store; empty when there is none. Runners do not get it: they have signed URLs."""
    names = ("endpoint", "bucket", "access_key", "secret_key", "region", "prefix")
    return {f"RGRID_S3_{name.upper()}": getattr(settings, f"s3_{name}") for name in names if settings.s3_endpoint}


def _base(home: Home, settings: Settings) -> dict[str, str]:
    """Our own environment without its RGRID_*, but for what tunes the parts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RGRID_") or name in PASSED_ON}
    return kept | {"RGRID_HOME": str(home.root), "RGRID_NODE_ID": settings.node_id, "PYTHONUNBUFFERED": "1"}
