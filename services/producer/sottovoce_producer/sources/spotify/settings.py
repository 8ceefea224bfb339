"""How Spotify is asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from sottovoce.service.settings import ServiceSettings


class SpotifySettings(ServiceSettings):
    """The app that asks Spotify, and how often it asks."""

    spotify_client_id: str | None = Field(
        None,
        description="Id of your app at developer.spotify.com; none: Spotify is not asked",
    )
    spotify_client_secret: SecretStr | None = Field(
        None, description="Secret of that app; best given by the environment"
    )
    spotify_redirect_port: int = Field(
        8_898,
        ge=1,
        le=65_535,
        description="Port of the login's redirect: http://127.0.0.1:PORT/callback must stand among "
        "the app's redirect URIs",
    )
    spotify_data_set: Literal["live", "history"] = Field("live", description="Where plays go")
    spotify_poll_seconds: float = Field(
        30.0, ge=1, le=3_600, description="Time between two looks at an account"
    )
    spotify_overlap_seconds: float = Field(
        3_600.0,
        ge=0,
        le=86_400,
        description="How far each look reaches back behind the last play, for plays that Spotify "
        "tells late",
    )
    spotify_played_at: Literal["end", "start"] = Field(
        "end",
        description="What Spotify's played_at means; start: the track's length is added",
    )
    spotify_currently_playing: bool = Field(
        True,
        description="Whether each look also asks what is on, which tells how long a play was heard",
    )
    spotify_timeout_seconds: float = Field(
        10.0, gt=0, le=120, description="How long an answer is waited for"
    )
    spotify_backoff_cap_seconds: float = Field(
        300.0, ge=1, le=86_400, description="The longest wait after errors of Spotify's own"
    )
    spotify_forbidden_seconds: float = Field(
        3_600.0, ge=1, le=86_400, description="The wait after a 403: only a person can mend it"
    )
    spotify_connections: int = Field(
        4, ge=1, le=64, description="How many accounts are asked about at a time"
    )
    spotify_api_base: str = Field(
        "https://api.spotify.com/v1/", description="Address of the API; another one for tests"
    )
    spotify_accounts_base: str = Field(
        "https://accounts.spotify.com/",
        description="Address of the login; another one for tests",
    )
