"""Which settings each part gets: the runner holds its node's password and no other secret of the grid."""

from __future__ import annotations

import os
from dataclasses import dataclass

from services.local.home import Home
from services.local.secrets_file import Secrets
from services.runtime.settings import Settings

PASSED_ON = (
    "RGRID_LOG_BYTES_MAX",
    "RGRID_LEASE_SECONDS",
    "RGRID_HEARTBEAT_SECONDS",
    "RGRID_KILL_GRACE_SECONDS",
    "RGRID_LOG_LEVEL",
    "RGRID_PUBLIC_URL",
    "RGRID_NODE_TYPE",
    "RGRID_SANDBOX",
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
    return _base(home, settings) | {
        "RGRID_NATS_URL": at.nats_url,
        "RGRID_NATS_USER": settings.nats_user if settings.nats_url else "control",
        "RGRID_NATS_PASSWORD": settings.nats_password if settings.nats_url else known.nats_control,
        "RGRID_POSTGRES_DSN": at.postgres_dsn,
        "RGRID_GATEWAY_HOST": at.gateway_host,
        "RGRID_GATEWAY_PORT": str(at.gateway_port),
        "RGRID_URL_KEY": settings.url_key or known.url_key,
        "RGRID_ARTIFACTS": str(settings.artifacts or home.artifacts),
    }


def runner_environment(home: Home, settings: Settings, known: Secrets, at: Addresses) -> dict[str, str]:
    """For the runner, which reaches NATS as its node."""
    return _base(home, settings) | {
        "RGRID_NATS_URL": settings.nats_node_url or at.nats_url,
        "RGRID_NATS_USER": settings.node_id,
        "RGRID_NATS_PASSWORD": known.nats_node,
    }


def _base(home: Home, settings: Settings) -> dict[str, str]:
    """Our own environment without its RGRID_*, but for what tunes the parts."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RGRID_") or name in PASSED_ON}
    return kept | {"RGRID_HOME": str(home.root), "RGRID_NODE_ID": settings.node_id, "PYTHONUNBUFFERED": "1"}
