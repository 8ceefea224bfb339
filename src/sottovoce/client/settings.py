"""Settings of whoever calls a service: the command line, the dashboard, an import."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import grpc
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sottovoce.client.client import Client
from sottovoce.client.credentials import BearerToken, Metadata, Tls


class CallerSettings(BaseSettings):
    """What a caller shows, and whom it trusts."""

    model_config = SettingsConfigDict(env_prefix="SOTTOVOCE_", frozen=True, extra="ignore")

    token: SecretStr | None = Field(
        None, description="The bearer token; best given by the environment, or by token_file"
    )
    token_file: Path | None = Field(
        None, description="The file that holds the bearer token, read again for every call"
    )
    tls: bool = Field(False, description="Whether TLS is spoken; a CA or a certificate implies it")
    ca_file: Path | None = Field(
        None, description="The CA that signed the service's certificate, PEM; none: well-known ones"
    )
    client_cert_file: Path | None = Field(None, description="The caller's own certificate, PEM")
    client_key_file: Path | None = Field(None, description="Its private key, PEM")
    tls_terminated_elsewhere: bool = Field(
        False,
        description="Whether a mesh or a proxy speaks TLS, so that a token may go to it plain",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.token is not None and self.token_file is not None:
            raise ValueError("token and token_file are both set: which one is it? unset the other")
        if (self.client_cert_file is None) != (self.client_key_file is None):
            raise ValueError("client_cert_file and client_key_file go together: set both or none")
        return self

    def _shown(self) -> str | Path | None:
        return self.token_file if self.token is None else self.token.get_secret_value()

    def _spoken(self) -> Tls | None:
        if not self.tls and self.ca_file is None and self.client_cert_file is None:
            return None
        return Tls(self.ca_file, self.client_cert_file, self.client_key_file)

    def client(self, address: str, timeout: float = 30.0) -> Client:
        """Return a client of the query service.

        Args:
            address: HOST:PORT.
            timeout: seconds that an answer may take.

        Raises:
            CredentialsUnusable: a file can't be read, or the token would go unencrypted.
        """
        return Client(
            address,
            token=self._shown(),
            tls=self._spoken(),
            tls_terminated_elsewhere=self.tls_terminated_elsewhere,
            timeout=timeout,
        )

    def channel(self, address: str, options: Sequence[tuple[str, Any]] = ()) -> grpc.Channel:
        """Return a channel to any service; `metadata` goes with each call.

        Args:
            address: HOST:PORT.
            options: of gRPC.

        Raises:
            CredentialsUnusable: a file can't be read, or the token would go unencrypted.
        """
        tls = self._spoken()
        if tls is not None:
            return grpc.secure_channel(address, tls.channel_credentials(), options)
        if not self.tls_terminated_elsewhere:
            BearerToken(self._shown()).require_private(address)
        return grpc.insecure_channel(address, options)

    def metadata(self) -> Metadata:
        """Return what shows the token to a service.

        Raises:
            CredentialsUnusable: its file can't be read, or holds no token.
        """
        return BearerToken(self._shown()).metadata()
