"""Asking Spotify, by spotipy: one request, one answer or one fault, no hidden retries."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import requests
import spotipy
from spotipy.cache_handler import CacheHandler

from sottovoce_producer.errors import SourceError
from sottovoce_producer.sources.spotify.faults import (
    ConsentNeededError,
    ForbiddenError,
    RateLimitedError,
    RefusedError,
    SpotifyFaultError,
    UnauthorizedError,
    UnavailableError,
)
from sottovoce_producer.sources.spotify.settings import SpotifySettings

SCOPES: Final = "user-read-recently-played user-read-currently-playing"
PAGE_ITEMS: Final = 50
_EARLY_SECONDS: Final = 60

type ClockMs = Callable[[], int]
type SaveTokens = Callable[[bytes], None]


class SpotifyApp:
    """An app of Spotify's: its id, its secret, its addresses.

    Args:
        settings: all of that.
        clock_ms: the time, milliseconds since 1970 UTC.

    Raises:
        SourceError: the id or the secret is missing.
    """

    def __init__(self, settings: SpotifySettings, clock_ms: ClockMs) -> None:
        if not settings.spotify_client_id or settings.spotify_client_secret is None:
            raise SourceError(
                "spotify_client_id and spotify_client_secret are needed: make an app at "
                "developer.spotify.com/dashboard and give both, best as SOTTOVOCE_SPOTIFY_CLIENT_ID"
                " and SOTTOVOCE_SPOTIFY_CLIENT_SECRET"
            )
        # What spotipy logs holds headers, which hold tokens.
        logging.getLogger("spotipy").setLevel(logging.CRITICAL + 1)
        self.settings = settings
        self.clock_ms = clock_ms
        self.redirect_uri = f"http://127.0.0.1:{settings.spotify_redirect_port}/callback"
        self._id = settings.spotify_client_id
        self._secret = settings.spotify_client_secret.get_secret_value()

    def oauth(self, cache: CacheHandler, state: str | None = None) -> spotipy.SpotifyOAuth:
        """Return spotipy's authorisation-code flow over a store of tokens."""
        oauth = spotipy.SpotifyOAuth(
            client_id=self._id,
            client_secret=self._secret,
            redirect_uri=self.redirect_uri,
            scope=SCOPES,
            state=state,
            requests_session=requests.Session(),
            requests_timeout=self.settings.spotify_timeout_seconds,
            open_browser=False,
            cache_handler=cache,
        )
        base = self.settings.spotify_accounts_base.rstrip("/")
        oauth.OAUTH_AUTHORIZE_URL = f"{base}/authorize"
        oauth.OAUTH_TOKEN_URL = f"{base}/api/token"
        return oauth


class TokenStore(CacheHandler):  # type: ignore[misc]
    """The tokens of one account, as spotipy keeps them; saved wherever `save` puts them.

    Args:
        tokens: as saved before; empty if never.
        save: told of new ones, before they are used.
        clock_ms: the time.
    """

    def __init__(self, tokens: bytes, save: SaveTokens, clock_ms: ClockMs) -> None:
        self._save = save
        self._clock_ms = clock_ms
        self._tokens: dict[str, Any] | None = json.loads(tokens) if tokens else None

    def get_cached_token(self) -> dict[str, Any] | None:
        """Return the tokens."""
        return self._tokens

    def save_token_to_cache(self, token_info: dict[str, Any]) -> None:
        """Keep new tokens; a refresh that tells no new refresh token leaves the old one."""
        kept = {**(self._tokens or {}), **token_info}
        kept["expires_at"] = self._clock_ms() // 1000 + int(token_info["expires_in"])
        self._save(json.dumps(kept).encode())
        self._tokens = kept

    @property
    def expired(self) -> bool:
        """Whether the access token is over, or nearly."""
        expires_at = float((self._tokens or {}).get("expires_at", 0))
        return self._clock_ms() / 1000 > expires_at - _EARLY_SECONDS


class AccountApi:
    """What can be asked about one account.

    Every call raises a `SpotifyFaultError` where Spotify does not answer as it should.

    Args:
        app: on whose behalf.
        tokens: of the account, as saved before.
        save: told of new tokens.
    """

    def __init__(self, app: SpotifyApp, tokens: bytes, save: SaveTokens) -> None:
        self._store = TokenStore(tokens, save, app.clock_ms)
        self._oauth = app.oauth(self._store)
        # A session of one's own has no retries, so none of spotipy's sleeps for a Retry-After.
        self._client = spotipy.Spotify(
            requests_session=requests.Session(),
            requests_timeout=app.settings.spotify_timeout_seconds,
        )
        self._client.prefix = app.settings.spotify_api_base.rstrip("/") + "/"

    def recently_played(
        self, *, after_ms: int | None = None, before_ms: int | None = None
    ) -> Mapping[str, Any]:
        """Return a page of plays, the newest first, after or before a time."""
        page = self._ask(
            lambda: self._client.current_user_recently_played(
                PAGE_ITEMS, after=after_ms, before=before_ms
            )
        )
        if not isinstance(page, dict) or not isinstance(page.get("items"), list):
            raise UnavailableError("an answer that is no page of plays")
        return page

    def currently_playing(self) -> Mapping[str, Any] | None:
        """Return what is on; None if nothing is."""
        playing = self._ask(self._client.current_user_playing_track)
        return playing if isinstance(playing, dict) else None

    def _ask(self, ask: Callable[[], object]) -> object:
        """Ask with a valid access token; if it is not taken after all, with a new one."""
        if self._store.expired:
            self._refresh()
        try:
            return self._ask_once(ask)
        except UnauthorizedError:
            self._refresh()
            return self._ask_once(ask)

    def _ask_once(self, ask: Callable[[], object]) -> object:
        tokens = self._store.get_cached_token() or {}
        self._client.set_auth(tokens.get("access_token"))
        try:
            return ask()
        except spotipy.SpotifyException as error:
            raise _fault(error.http_status, error.headers or {}, str(error.reason or "")) from None
        except (requests.RequestException, AttributeError, TypeError) as error:
            raise UnavailableError(type(error).__name__) from None

    def _refresh(self) -> None:
        tokens = self._store.get_cached_token() or {}
        try:
            self._oauth.refresh_access_token(tokens.get("refresh_token", ""))
        except spotipy.SpotifyOauthError as error:
            if error.error == "invalid_grant":
                raise ConsentNeededError("the refresh token is over or was taken back") from None
            cause = error.__context__
            response = cause.response if isinstance(cause, requests.HTTPError) else None
            status = 500 if response is None else response.status_code
            headers = {} if response is None else response.headers
            word = error.error if error.error in _OAUTH_ERRORS else ""
            raise _fault(status, headers, word) from None
        except (
            requests.RequestException,
            AttributeError,
            TypeError,
            KeyError,
            ValueError,
        ) as error:
            raise UnavailableError(f"{type(error).__name__} for a token") from None


_OAUTH_ERRORS: Final = ("invalid_client", "invalid_request", "unauthorized_client", "server_error")
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_TIMEOUT: Final = 408
_TOO_MANY: Final = 429
_OWN_ERRORS: Final = 500


def _fault(status: int, headers: Mapping[str, str], reason: str) -> SpotifyFaultError:
    """Return the fault that an answer's status stands for."""
    if status == _TOO_MANY:
        return RateLimitedError(_retry_after(headers.get("Retry-After")), reason)
    if status == _UNAUTHORIZED:
        return UnauthorizedError(f"status {status}")
    if status == _FORBIDDEN:
        return ForbiddenError(f"status {status}")
    if status >= _OWN_ERRORS or status == _TIMEOUT:
        return UnavailableError(f"status {status}")
    return RefusedError(f"status {status}" + (f", {reason}" if reason else ""))


def _retry_after(value: str | None) -> float | None:
    try:
        seconds = float(value) if value is not None else None
    except ValueError:
        return None
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None
