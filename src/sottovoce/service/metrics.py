"""Prometheus metrics over HTTP."""

from __future__ import annotations

import prometheus_client
from prometheus_client import CollectorRegistry, start_http_server

from sottovoce.errors import SottovoceError
from sottovoce.service.settings import ServiceSettings


class MetricsError(SottovoceError):
    """Metrics can't be served."""


def new_registry(service: str, version: str) -> CollectorRegistry:
    """Return a registry with the process's own figures and `sottovoce_build_info`."""
    registry = CollectorRegistry()
    prometheus_client.ProcessCollector(registry=registry)
    prometheus_client.PlatformCollector(registry=registry)
    prometheus_client.GCCollector(registry=registry)
    build = prometheus_client.Gauge(
        "sottovoce_build_info",
        "What runs here, as labels",
        ["service", "version"],
        registry=registry,
    )
    build.labels(service, version).set(1)
    return registry


def serve_metrics(settings: ServiceSettings, registry: CollectorRegistry) -> None:
    """Serve a registry on the settings' port from a thread of its own; port 0: don't.

    Raises:
        MetricsError: the port is taken.
    """
    if settings.metrics_port == 0:
        return
    try:
        start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        raise MetricsError(
            f"metrics_port {settings.metrics_port} on {settings.metrics_host} can't be used "
            f"({error.strerror}): choose another, or 0 for none"
        ) from error
