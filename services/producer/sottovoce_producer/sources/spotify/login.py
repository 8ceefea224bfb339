"""Connecting an account: the person consents in a browser, the tokens go into the vault."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import requests
import spotipy

from sottovoce_producer.errors import SourceError
from sottovoce_producer.sources.spotify.api import SpotifyApp, TokenStore

_PAGE: Final = (
    "<!doctype html><meta charset=utf-8><title>Sottovoce</title>"
    "<p style='font: 1.2em system-ui; margin: 3em'>{}</p>"
)
_STATE_BYTES: Final = 24

type Show = Callable[[str], None]


class LoginError(SourceError):
    """An account could not be connected."""


def log_in(app: SpotifyApp, show: Show, timeout_seconds: float) -> bytes:
    """Let a person consent; return the tokens, for the vault and nobody else.

    Args:
        app: on whose behalf.
        show: is given the address that the person must open.
        timeout_seconds: how long the person may take.

    Raises:
        LoginError: the port is taken, the person refused or took too long, or Spotify refused.
    """
    state = secrets.token_urlsafe(_STATE_BYTES)
    saved: list[bytes] = []
    oauth = app.oauth(_Once(saved.append, app), state)
    port = app.settings.spotify_redirect_port
    try:
        server = _RedirectServer(("127.0.0.1", port), state)
    except OSError as error:
        raise LoginError(
            f"spotify_redirect_port {port} can't be used ({error.strerror}): choose another, and "
            "add its address to the app's redirect URIs"
        ) from error
    with server:
        show(oauth.get_authorize_url())
        code = server.wait_for_code(timeout_seconds)
    try:
        oauth.get_access_token(code, as_dict=False, check_cache=False)
    except spotipy.SpotifyOauthError as error:
        raise LoginError(
            f"Spotify gave no tokens ({error.error}): check the app's id, secret and redirect URI "
            f"{app.redirect_uri}"
        ) from None
    except (requests.RequestException, ValueError, KeyError, AttributeError) as error:
        raise LoginError(f"Spotify gave no tokens ({type(error).__name__}): try again") from None
    if not saved or "refresh_token" not in json.loads(saved[0]):
        raise LoginError("Spotify gave no refresh token: try again")
    return saved[0]


class _Once(TokenStore):
    """A store for the first tokens of an account."""

    def __init__(self, save: Callable[[bytes], None], app: SpotifyApp) -> None:
        super().__init__(b"", save, app.clock_ms)


class _RedirectServer(HTTPServer):
    """Waits for the browser to come back with a code."""

    def __init__(self, address: tuple[str, int], state: str) -> None:
        super().__init__(address, _RedirectHandler)
        self.state = state
        self.code = ""
        self.refusal = ""

    def wait_for_code(self, seconds: float) -> str:
        """Serve until the redirect comes.

        Raises:
            LoginError: it does not come in time, or tells that the person refused.
        """
        until = time.monotonic() + seconds
        while not self.code and not self.refusal:
            self.timeout = until - time.monotonic()
            if self.timeout <= 0:
                raise LoginError(f"nobody consented within {seconds:.0f} s: run it again")
            self.handle_request()
        if self.refusal:
            raise LoginError(f"Spotify says {self.refusal}: nothing was connected")
        return self.code


class _RedirectHandler(BaseHTTPRequestHandler):
    timeout = 5.0  # a browser may open a connection and say nothing on it
    server: _RedirectServer

    def do_GET(self) -> None:
        """Take the code; whoever does not know the state is sent away."""
        address = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path != "/callback" or not secrets.compare_digest(
            given.get("state", "").encode(), self.server.state.encode()
        ):
            self._answer(404, "This is not the login that was begun.")
            return
        if "code" in given:
            self.server.code = given["code"]
            self._answer(200, "Connected. You can close this page.")
        else:
            refusal = given.get("error", "")
            self.server.refusal = "".join(c for c in refusal if c.isalnum() or c == "_") or "no"
            self._answer(200, "Not connected. You can close this page.")

    def _answer(self, status: int, sentence: str) -> None:
        body = _PAGE.format(sentence).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the request's line holds the code."""
