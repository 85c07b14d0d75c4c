"""Brings one embedded grid up, part by part, and says when it can be used."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from services.local.environments import Addresses, control_environment, runner_environment
from services.local.external_nats import check_nats
from services.local.external_postgres import check_postgres
from services.local.external_s3 import check_s3
from services.local.first_key import FirstKey
from services.local.home import Home, write_json
from services.local.log_files import rotate_logs
from services.local.nats_config import write_nats_config
from services.local.nats_server import find_nats_server, wait_for_nats
from services.local.parts import gateway_part, nats_part, postgres_part, runner_part, services_part
from services.local.ports import HOST, is_free, keep_ports
from services.local.postgres import dsn_of, is_ready, prepare
from services.local.postgres_user import Place, place_for
from services.local.problem import Problem
from services.local.readiness import gateway_ready, joined_node, wait_until
from services.local.secrets_file import Secrets, load_secrets
from services.local.supervisor import Supervisor, end_survivors
from services.runtime.settings import Settings
from services.runtime.versions import VERSION


@dataclass(slots=True)
class Grid:
    """`bring_up` once; afterwards `supervisor.tick` keeps it running."""

    home: Home
    settings: Settings
    supervisor: Supervisor
    say: Callable[[str, str], None]
    started: float = field(default_factory=time.time)

    def bring_up(self) -> dict[str, Any]:
        """Start every part, wait until the grid serves, write grid.json and return what it says. Raises Problem, Stopped."""
        self._tell(end_survivors(self.home))
        self.home.grid.unlink(missing_ok=True)
        rotate_logs(self.home)
        known, note = load_secrets(self.home)
        self._tell([note])
        ports = self._ports()
        nats_url = self._start_nats(known, ports)
        if self.settings.s3_endpoint:
            self.say("s3", f"{check_s3(self.settings)} · yours, by RGRID_S3_ENDPOINT")
        place, dsn = self._postgres_place()
        at = Addresses(nats_url, dsn, self.settings.gateway_host, ports["gateway"])
        control = control_environment(self.home, self.settings, known, at)
        key = FirstKey(self.home, self.supervisor, control, at.api_url, known)
        key.begin()
        self.supervisor.add(services_part(self.home, control))
        self.supervisor.add(gateway_part(self.home, control))
        self.supervisor.add(runner_part(self.home, runner_environment(self.home, self.settings, known, at)))
        self._start_postgres(place, dsn)
        wait_until(self.supervisor, self.home, "The gateway answers", "gateway", lambda: gateway_ready(at.api_url))
        self.say("gateway", at.api_url)
        key.finish()
        return self._ready(at.api_url, key.plaintext)

    def _ports(self) -> dict[str, int]:
        names = ("gateway",) if self.settings.nats_url else ("gateway", "nats-server")
        if self.settings.gateway_port:
            if not is_free(self.settings.gateway_port, self.settings.gateway_host):
                raise Problem(
                    f"Port {self.settings.gateway_port} is taken by another program.",
                    "It was set by RGRID_GATEWAY_PORT.",
                    "Choose another, or unset it to get a free one.",
                    code="PORT_TAKEN",
                )
            ports, notes = keep_ports(self.home, names[1:])
            ports["gateway"] = self.settings.gateway_port
        else:
            ports, notes = keep_ports(self.home, names)
        self._tell(notes)
        return ports

    def _start_nats(self, known: Secrets, ports: dict[str, int]) -> str:
        if self.settings.nats_url:
            self.say("nats", f"{check_nats(self.settings)} · yours, by RGRID_NATS_URL")
            return self.settings.nats_url
        binary, port = find_nats_server(), ports["nats-server"]
        config = write_nats_config(self.home, known, self.settings.node_id, HOST, port)
        wait_for_nats(self.supervisor.add(nats_part(self.home, binary, config)), HOST, port)
        self.say("nats", f"{HOST}:{port}")
        return f"nats://{HOST}:{port}"

    def _postgres_place(self) -> tuple[Place | None, str]:
        if self.settings.postgres_dsn:
            return None, self.settings.postgres_dsn
        place = place_for(self.home.root)
        return place, dsn_of(place)

    def _start_postgres(self, place: Place | None, dsn: str) -> None:
        if place is None:
            self.say("postgres", f"{check_postgres(dsn)} · yours, by RGRID_POSTGRES_DSN")
            return
        cluster = prepare(place)
        self._tell(list(cluster.notes))
        self.supervisor.add(postgres_part(self.home, cluster, self.say))
        # Processes of a server that was killed may hold its memory a moment longer: then the first start fails, a later one not.
        wait_until(
            self.supervisor, self.home, "Postgres accepts connections", "postgres",
            lambda: is_ready(cluster, self.supervisor.pid("postgres")),
        )  # fmt: skip
        self.say("postgres", f"{cluster.binaries.version} · {place.sockets}")

    def _ready(self, api_url: str, key: str) -> dict[str, Any]:
        node_id = self.settings.node_id
        node = wait_until(
            self.supervisor, self.home, f"The runner {node_id} joins", "runner",
            lambda: joined_node(api_url, key, node_id, self.started),
        )  # fmt: skip
        self.say("runner", f"{node_id} · sandbox {node.get('sandbox', 'unknown')}")
        found = {
            "version": VERSION,
            "pid": os.getpid(),
            "started_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.started)),
            "api_url": api_url,
            "home": str(self.home.root),
            "sandbox": node.get("sandbox", ""),
        }
        write_json(self.home.grid, found)
        return found

    def _tell(self, notes: list[str]) -> None:
        for note in filter(None, notes):
            self.say("mended", note)
