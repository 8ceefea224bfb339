"""What can go wrong between here and Spotify; no message holds a token."""

from __future__ import annotations

from typing import ClassVar


class SpotifyFaultError(Exception):
    """Spotify did not answer as it should.

    Attributes:
        kind: its name in metrics and logs.
    """

    kind: ClassVar[str] = "fault"


class UnavailableError(SpotifyFaultError):
    """No answer, half an answer, or an error of Spotify's own: it will pass."""

    kind = "unavailable"


class RateLimitedError(SpotifyFaultError):
    """Too much was asked: 429.

    Attributes:
        retry_after_seconds: when to ask again; None where it was not said.
        reason: Spotify's word for why, such as QUOTA_EXCEEDED.
    """

    kind = "rate_limited"

    def __init__(self, retry_after_seconds: float | None, reason: str) -> None:
        super().__init__(reason or "rate limit")
        self.retry_after_seconds = retry_after_seconds
        self.reason = reason


class UnauthorizedError(SpotifyFaultError):
    """The access token is not taken (any more): 401."""

    kind = "unauthorized"


class ConsentNeededError(SpotifyFaultError):
    """The refresh token is over or was taken back: the person must log in again."""

    kind = "consent_needed"


class ForbiddenError(SpotifyFaultError):
    """The app may not ask about this account: 403."""

    kind = "forbidden"


class RefusedError(SpotifyFaultError):
    """Another refusal: the settings of the app, or a change of the API."""

    kind = "refused"
