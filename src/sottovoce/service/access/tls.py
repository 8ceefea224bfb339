"""The server's side of TLS: files that may be replaced while it runs."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

import grpc

from sottovoce.service.access.errors import CertificateError
from sottovoce.service.access.settings import AccessSettings
from sottovoce.service.logging import get_logger

type _Contents = tuple[bytes, ...]

_NO_PASSWORD: Final = ""


class ServerCertificate:
    """The server's certificate as its files have it at each handshake.

    Files that become unusable change nothing and are logged.

    Args:
        cert: the certificate with its chain, PEM.
        key: its private key, PEM, not encrypted.
        client_ca: the CA of the clients' certificates, PEM; with it, clients need one.

    Raises:
        CertificateError: there are no good ones to begin with.
    """

    def __init__(self, cert: Path, key: Path, client_ca: Path | None) -> None:
        self._cert, self._key, self._client_ca = cert, key, client_ca
        self._contents = self._read()

    def credentials(self) -> grpc.ServerCredentials:
        """Return credentials that ask here again at each handshake."""
        return grpc.dynamic_ssl_server_credentials(
            self._configuration(),
            self._newer,  # type: ignore[arg-type]  # None is right: nothing newer
            require_client_authentication=self._client_ca is not None,
        )

    def _configuration(self) -> grpc.ServerCertificateConfiguration:
        cert, key, *client_ca = self._contents
        return grpc.ssl_server_certificate_configuration(
            [(key, cert)], client_ca[0] if client_ca else None
        )

    def _newer(self) -> grpc.ServerCertificateConfiguration | None:
        try:
            contents = self._read()
        except CertificateError as error:
            get_logger().error("the certificate used before stays", reason=str(error))
            return None
        if contents == self._contents:
            return None
        self._contents = contents
        get_logger().info("certificates were read again")
        return self._configuration()

    def _read(self) -> _Contents:
        paths = [self._cert, self._key, *([self._client_ca] if self._client_ca else [])]
        try:
            contents = tuple(path.read_bytes() for path in paths)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._cert, self._key, password=lambda: _NO_PASSWORD)
            if self._client_ca:
                context.load_verify_locations(self._client_ca)
        except ssl.SSLError as error:
            names = ", ".join(map(str, paths))
            raise CertificateError(
                f"{names} are no certificate, its unencrypted key and CA in PEM "
                f"({error.reason or error.strerror})"
            ) from error
        except OSError as error:
            raise CertificateError(f"{error.filename} can't be read ({error.strerror})") from error
        return contents


def server_credentials(settings: AccessSettings) -> grpc.ServerCredentials | None:
    """Return the credentials of a port; None where it speaks no TLS.

    Raises:
        CertificateError: the files can't be used.
    """
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    return ServerCertificate(
        settings.tls_cert_file, settings.tls_key_file, settings.tls_client_ca_file
    ).credentials()
