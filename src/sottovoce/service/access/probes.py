"""A plain port for health alone: Kubernetes' own gRPC probes speak neither TLS nor tokens."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2_grpc

from sottovoce.service.access.errors import AccessError
from sottovoce.service.access.settings import AccessSettings

_PROBES = 2


class HealthPortError(AccessError):
    """The port of health can't be had."""


def health_server(settings: AccessSettings, servicer: health.HealthServicer) -> grpc.Server | None:
    """Return a server for probes, not started yet; None where the settings name no port.

    Args:
        settings: its address and port.
        servicer: of health.

    Raises:
        HealthPortError: the port is taken.
    """
    if not settings.health_port:
        return None
    server = grpc.server(
        ThreadPoolExecutor(_PROBES, thread_name_prefix="probe"), options=[("grpc.so_reuseport", 0)]
    )
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    _listen(server, settings)
    return server


def async_health_server(
    settings: AccessSettings, servicer: health.aio.HealthServicer
) -> grpc.aio.Server | None:
    """Return the same for an event loop."""
    if not settings.health_port:
        return None
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    _listen(server, settings)
    return server


def _listen(server: grpc.Server | grpc.aio.Server, settings: AccessSettings) -> None:
    try:
        server.add_insecure_port(f"{settings.health_host}:{settings.health_port}")
    except RuntimeError as error:
        raise HealthPortError(
            f"health_port {settings.health_port} on {settings.health_host} can't be used: choose "
            "another, or 0 for none"
        ) from error
