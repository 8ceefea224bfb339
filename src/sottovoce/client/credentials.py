"""How a caller shows who it is, and whom it trusts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc

from sottovoce.client.errors import CredentialsUnusable
from sottovoce.service.address import is_loopback

type Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Tls:
    """A connection over TLS.

    Attributes:
        ca_file: the CA that signed the service's certificate, PEM; None: those that gRPC trusts.
        cert_file: the caller's own certificate, PEM, where the service asks for one.
        key_file: its private key, PEM.
    """

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Return them as gRPC takes them.

        Raises:
            CredentialsUnusable: a file can't be read, or a certificate comes without its key.
        """
        if (self.cert_file is None) != (self.key_file is None):
            raise CredentialsUnusable(
                "a client's certificate and its key go together: give both or neither"
            )
        ca, key, cert = (
            None if path is None else _read(path)
            for path in (self.ca_file, self.key_file, self.cert_file)
        )
        return grpc.ssl_channel_credentials(ca, key, cert)


class BearerToken:
    """A token, shown with each call.

    Args:
        token: the token, or the file that holds it, which is read for every call, so that
            a new token is taken up; None: nothing is shown.
    """

    def __init__(self, token: str | Path | None) -> None:
        self._token = token

    def metadata(self) -> Metadata:
        """Return what goes with a call.

        Raises:
            CredentialsUnusable: the file can't be read, or holds no token.
        """
        token = self._token
        if token is None:
            return ()
        if isinstance(token, Path):
            token = _read(token).decode("ascii", "replace")
        token = token.strip()
        if not token or not token.isascii() or not token.isprintable():
            held = f"{self._token} holds" if isinstance(self._token, Path) else "what was given is"
            raise CredentialsUnusable(f"{held} no token: it is one line, as it was printed once")
        return (("authorization", f"Bearer {token}"),)

    def require_private(self, address: str) -> None:
        """Return if nobody between can read it on a plain connection.

        Raises:
            CredentialsUnusable: the address is not on this machine.
        """
        host = address.rpartition(":")[0]
        if self._token is not None and not is_loopback(host):
            raise CredentialsUnusable(
                f"the token would go to {address} unencrypted: use TLS, or say with "
                "tls_terminated_elsewhere that a mesh or a proxy speaks it"
            )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CredentialsUnusable(f"{path} can't be read ({error.strerror})") from error
