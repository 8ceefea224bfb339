"""Health and reflection, which every server has; apart, for the packages that they need."""

from __future__ import annotations

from typing import cast

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from sottovoce.service.access.guard import GuardedServer
from sottovoce.service.access.settings import AccessSettings


def add_technical_services(
    server: GuardedServer,
    settings: AccessSettings,
    servicer: health.HealthServicer | health.aio.HealthServicer,
    *services: str,
) -> None:
    """Add health and reflection, as far as the settings serve them.

    Args:
        server: gets them.
        settings: who may use them.
        servicer: of health.
        services: the full names of the services beside them.
    """
    names = list(services)
    if settings.health_access != "off":
        health_pb2_grpc.add_HealthServicer_to_server(servicer, cast("grpc.Server", server))
        names.append(health.SERVICE_NAME)
    if settings.reflection_access != "off":
        names.append(reflection.SERVICE_NAME)
        kind = reflection.aio if server.is_async else reflection
        reflection_pb2_grpc.add_ServerReflectionServicer_to_server(  # type: ignore[no-untyped-call]
            kind.ReflectionServicer(names), server
        )
