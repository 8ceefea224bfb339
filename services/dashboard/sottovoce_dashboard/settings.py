"""Settings of the dashboard."""

from __future__ import annotations

from pydantic import Field

from sottovoce.client.settings import CallerSettings


class DashboardSettings(CallerSettings):
    """What the dashboard can be told."""

    query_address: str = Field(
        "127.0.0.1:50051", pattern=r"^\S+:\d+$", description="The query service, HOST:PORT"
    )
    dashboard_host: str = Field("127.0.0.1", description="Address that the dashboard listens on")
    dashboard_port: int = Field(8501, ge=1, le=65_535, description="Port of the dashboard")
    dashboard_refresh_seconds: float = Field(
        2.0, ge=0.5, le=60, description="How often an open page asks again"
    )
    dashboard_timeout_seconds: float = Field(
        5.0, ge=0.5, le=60, description="How long an answer may take"
    )
