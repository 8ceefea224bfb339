"""Settings of the query service."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from sottovoce.privacy import PrivacyError
from sottovoce.service.access import AccessSettings
from sottovoce.service.address import is_loopback
from sottovoce.service.settings import ServiceSettings
from sottovoce_query.releases.plans import HISTORY_SHARES, LIVE_SHARES, plan_of


class QuerySettings(ServiceSettings, AccessSettings):
    """What the query service can be told."""

    privacy_mode: Literal["enforced", "personal"] = Field(
        "enforced",
        description="enforced: everything goes through the differential-privacy gate; personal: "
        "one's own history on one's own machine, exact, refused where there is a second listener",
    )
    privacy_epsilon: float = Field(
        1.0,
        gt=0,
        le=100,
        description="What may be given away about one listener's slice, as differential privacy "
        "counts it; a change holds for slices to come",
    )
    privacy_delta: float = Field(
        1e-9, gt=0, le=1e-5, description="The probability with which privacy_epsilon may fail"
    )
    privacy_live_shares: dict[str, float] = Field(
        dict(LIVE_SHARES),
        description="How the epsilon of a slice of `live` is divided: statistic to share, the "
        "reserve for questions included; as JSON",
    )
    privacy_history_shares: dict[str, float] = Field(
        dict(HISTORY_SHARES), description="The same for a slice of `history`"
    )

    privacy_real_rows: bool = Field(
        False,
        description="Whether samples may show real rows that enough listeners share: k-anonymous, "
        "not differentially private, outside the budget",
    )
    privacy_k: int = Field(
        10, ge=2, description="How many listeners must share a real row that is shown"
    )
    erasure_key_file: Path | None = Field(
        None,
        description="The private key that signs certificates of erasures, Ed25519 in PEM, as "
        "`sottovoce erase key FILE` makes it; none: no certificate is issued here",
    )
    query_host: str = Field("127.0.0.1", description="Address that gRPC listens on")
    query_port: int = Field(50051, ge=0, le=65_535, description="Port of gRPC; 0: a free one")
    query_workers: int = Field(
        2, ge=1, le=64, description="Threads that work out answers that are not cached"
    )
    query_max_rpcs: int = Field(
        1_000, ge=1, description="Calls at once, streams included; more are refused"
    )
    query_max_waiting: int = Field(
        128, ge=1, description="Questions being worked out or waiting for it; more are refused"
    )
    query_cache_mb: int = Field(32, ge=0, description="Megabytes of answers that are kept")
    query_window_error: float = Field(
        0.01, gt=0, le=0.5, description="Relative error of sliding windows"
    )
    query_window_series: int = Field(
        2_000, ge=16, description="Series whose sliding windows are kept at once"
    )
    query_grace_seconds: float = Field(
        5.0, ge=0, le=300, description="How long running calls may go on at shutdown"
    )
    query_drain_seconds: float = Field(
        0.5,
        ge=0,
        le=300,
        description="Between telling load balancers to go elsewhere and closing the door",
    )

    @model_validator(mode="after")
    def _check(self) -> QuerySettings:
        if self.privacy_mode == "personal" and not is_loopback(self.query_host):
            raise ValueError(
                f"query_host {self.query_host} is not of this machine, and the privacy mode "
                "personal answers exactly: listen on 127.0.0.1, or use the mode enforced"
            )
        for name in ("privacy_live_shares", "privacy_history_shares"):
            try:
                plan_of(self.privacy_epsilon, self.privacy_delta, getattr(self, name))
            except PrivacyError as error:
                raise ValueError(f"{name}: {error}") from error
        return self
