"""Opening a server's port, where that is safe."""

from __future__ import annotations

import grpc

from sottovoce.service.access.settings import AccessSettings
from sottovoce.service.access.tls import server_credentials


def add_port(
    server: grpc.Server | grpc.aio.Server, settings: AccessSettings, host_setting: str, port: int
) -> int:
    """Have a server listen, over TLS where the settings name a certificate.

    Args:
        server: not started yet.
        settings: who is let in.
        host_setting: which of the settings is the address, such as `query_host`.
        port: 0: a free one.

    Returns:
        The port.

    Raises:
        UnsafeAddressError: others than this machine could do everything, or read tokens.
        CertificateError: the certificate can't be used.
        RuntimeError: the port is taken.
    """
    host: str = getattr(settings, host_setting)
    settings.require_safe(host, host_setting)
    credentials = server_credentials(settings)
    address = f"{host}:{port}"
    if credentials is None:
        return server.add_insecure_port(address)
    return server.add_secure_port(address, credentials)
