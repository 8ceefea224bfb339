"""Settings of a service's door: who is let in, how often, and over what."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from sottovoce.service.access.errors import UnsafeAddressError
from sottovoce.service.access.rates import Limit
from sottovoce.service.access.roles import Policy
from sottovoce.service.address import is_loopback


class AccessSettings(BaseSettings):
    """What a service with a gRPC server can be told about its callers."""

    model_config = SettingsConfigDict(env_prefix="SOTTOVOCE_", frozen=True, extra="ignore")

    access_file: Path | None = Field(
        None,
        description="The callers that are let in, as `sottovoce access` writes them; none: anybody "
        "on this machine may do everything, and the service listens on loopback only",
    )
    tls_cert_file: Path | None = Field(
        None, description="This server's certificate with its chain, PEM; none: no TLS"
    )
    tls_key_file: Path | None = Field(None, description="This server's private key, PEM")
    tls_client_ca_file: Path | None = Field(
        None,
        description="The CA that signs clients' certificates, PEM; with it every client needs one",
    )
    tls_terminated_elsewhere: bool = Field(
        False,
        description="Whether a mesh or a proxy speaks TLS for this service, so that tokens over "
        "its plain port were not readable on the way",
    )
    rate_per_second: float = Field(
        0.0, ge=0, le=1e6, description="Calls a second that a caller may make; 0: no limit"
    )
    rate_burst: int = Field(
        100, ge=1, le=1_000_000, description="Calls that a caller may make at once, if limited"
    )
    health_access: Policy = Field(
        "open", description="Who may ask for health: open (anybody), callers (who is known), off"
    )
    reflection_access: Policy = Field(
        "callers", description="Who may list RPCs by reflection: open, callers, off"
    )

    health_host: str = Field("127.0.0.1", description="Address that health_port is on")
    health_port: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Port of a second, plain gRPC that answers for health and nothing else, for "
        "probes that speak no TLS; 0: none is served",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file and tls_key_file go together: set both or neither")
        if self.tls_client_ca_file is not None:
            if self.tls_cert_file is None:
                raise ValueError("tls_client_ca_file needs tls_cert_file and tls_key_file")
            if self.access_file is None:
                raise ValueError(
                    "tls_client_ca_file needs access_file, which says what a certificate may do"
                )
        return self

    @property
    def limit(self) -> Limit:
        """How often a caller may call that has no limit of its own."""
        return Limit(self.rate_per_second, self.rate_burst)

    def require_safe(self, host: str, setting: str) -> None:
        """Return if it is safe to listen on a host.

        Args:
            host: an address or name.
            setting: what it is the value of.

        Raises:
            UnsafeAddressError: others than this machine could do everything, or read tokens.
        """
        if is_loopback(host):
            return
        if self.access_file is None:
            raise UnsafeAddressError(
                f"{setting} {host} can be reached from other machines, and without access_file "
                "anybody may do everything: make one with `sottovoce access create-token`, or "
                f"set {setting} to 127.0.0.1"
            )
        if self.tls_cert_file is None and not self.tls_terminated_elsewhere:
            raise UnsafeAddressError(
                f"{setting} {host} can be reached from other machines, and without TLS tokens "
                "could be read on the way: set tls_cert_file and tls_key_file, or "
                "tls_terminated_elsewhere where a mesh or a proxy speaks TLS"
            )
