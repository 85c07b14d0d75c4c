"""Every service of the control plane, in the order of an execution's life."""

from __future__ import annotations

from services import foreman, janitor, keeper, meter, porter, projector, resolver, scheduler, steward, watchdog
from services.runtime.service import Service

SERVICES: tuple[Service, ...] = (
    steward.SERVICE,
    resolver.SERVICE,
    scheduler.SERVICE,
    foreman.SERVICE,
    porter.SERVICE,
    keeper.SERVICE,
    meter.SERVICE,
    watchdog.SERVICE,
    projector.SERVICE,
    janitor.SERVICE,
)
BY_NAME = {service.name: service for service in SERVICES}
