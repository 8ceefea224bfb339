"""A Spotify on 127.0.0.1 that serves real-shaped answers and misbehaves as it is told."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections import defaultdict, deque
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

CLIENT_ID = "fake-client-id"
CLIENT_SECRET = "fake-client-secret"
RECENTLY_PLAYED = "/v1/me/player/recently-played"
CURRENTLY_PLAYING = "/v1/me/player/currently-playing"
TOKEN = "/api/token"
REMEMBERED = 50
"""How many plays Spotify keeps for this endpoint."""

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def track_id(number: int) -> str:
    """An id of the right shape."""
    digits = []
    for _ in range(22):
        number, digit = divmod(number, 62)
        digits.append(DIGITS[digit])
    return "".join(reversed(digits))


def track(number: int, *, duration_ms: int = 200_000) -> dict[str, Any]:
    """A track object as the API gives it."""
    link = {"spotify": f"https://open.example/track/{track_id(number)}"}
    artist = {"id": track_id(9_000 + number % 7), "name": f"Singer {number % 7}", "type": "artist"}
    return {
        "album": {"id": track_id(5_000 + number), "name": f"Album {number}", "type": "album"},
        "artists": [artist],
        "available_markets": ["SE", "DE"],
        "disc_number": 1,
        "duration_ms": duration_ms,
        "explicit": False,
        "external_urls": link,
        "href": f"https://api.example/v1/tracks/{track_id(number)}",
        "id": track_id(number),
        "is_local": False,
        "name": f"Song {number}",
        "track_number": 1,
        "type": "track",
        "uri": f"spotify:track:{track_id(number)}",
    }


def played_at(time_ms: int) -> str:
    """A time as the API writes it."""
    time_ = datetime.fromtimestamp(time_ms / 1000, UTC)
    return time_.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1000:03}Z"


class Account:
    """One person's account.

    Attributes:
        plays: what was played, as (time, track).
        playing: what currently-playing answers; None: nothing is on.
        script: what the next requests of this account meet, by path.
        refresh_tokens: those that are taken.
        access_tokens: those that are taken.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.plays: list[tuple[int, dict[str, Any]]] = []
        self.playing: dict[str, Any] | None = None
        self.script: dict[str, deque[Any]] = defaultdict(deque)
        self.refresh_tokens = {f"secret-refresh-{name}"}
        self.access_tokens: set[str] = set()
        self.tokens_given = 0

    def play(self, time_ms: int, number: int, *, duration_ms: int = 200_000) -> None:
        """Play a track to its end at a time."""
        self.plays.append((time_ms, track(number, duration_ms=duration_ms)))

    def tokens(self, *, rotate: bool = False) -> dict[str, Any]:
        """Give new tokens."""
        self.tokens_given += 1
        access = f"secret-access-{self.name}-{self.tokens_given}"
        self.access_tokens.add(access)
        given = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 3600,
            "scope": "user-read-recently-played user-read-currently-playing",
        }
        if rotate:
            given["refresh_token"] = f"secret-refresh-{self.name}-{self.tokens_given}"
            self.refresh_tokens = {given["refresh_token"]}
        return given


class FakeSpotify:
    """The server; a context manager.

    Attributes:
        accounts: by name.
        seen: every request as (method, path, parameters).
        codes: authorisation codes, and whose they are.
        hang_seconds: how long a request hangs that is scripted to.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.codes: dict[str, str] = {}
        self.hang_seconds = 1.0
        fake = self

        class Handler(_Handler):
            spotify = fake

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def account(self, name: str) -> Account:
        """The account of that name, made if it is not there."""
        return self.accounts.setdefault(name, Account(name))

    def consent(self, authorize_url: str, name: str) -> str:
        """What the browser is sent to when a person consents on the page at an address."""
        asked = {key: values[0] for key, values in parse_qs(urlsplit(authorize_url).query).items()}
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        code = f"secret-code-{name}"
        self.codes[code] = name
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"


class _Handler(BaseHTTPRequestHandler):
    spotify: FakeSpotify
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """The API."""
        address = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.spotify.seen.append(("GET", address.path, given))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        account = next(
            (each for each in self.spotify.accounts.values() if token in each.access_tokens), None
        )
        if account is None:
            self._error(401, "The access token expired")
            return
        script = account.script[address.path]
        twist = script.popleft() if script else None
        if self._misbehave(twist, account):
            return
        if address.path == RECENTLY_PLAYED:
            self._json(200, self._page(account, given, twist))
        elif address.path == CURRENTLY_PLAYING:
            if account.playing is None:
                self._send(204, b"")
            else:
                self._json(200, account.playing)
        else:
            self._error(404, "Service not found")

    def do_POST(self) -> None:
        """The token endpoint."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        path = urlsplit(self.path).path
        self.spotify.seen.append(("POST", path, {"grant_type": given.get("grant_type", "")}))
        basic = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if path != TOKEN or self.headers.get("Authorization") != f"Basic {basic}":
            self._json(400, {"error": "invalid_client", "error_description": "Invalid client"})
            return
        if given["grant_type"] == "authorization_code":
            name = self.spotify.codes.pop(given["code"], None)
            if name is None:
                self._json(400, {"error": "invalid_grant", "error_description": "Invalid code"})
            else:
                self._json(200, self.spotify.account(name).tokens(rotate=True))
            return
        account = next(
            (
                each
                for each in self.spotify.accounts.values()
                if given["refresh_token"] in each.refresh_tokens
            ),
            None,
        )
        if account is None:
            self._json(400, {"error": "invalid_grant", "error_description": "Token revoked"})
            return
        script = account.script[TOKEN]
        twist = script.popleft() if script else None
        if self._misbehave(twist, account):
            return
        self._json(200, account.tokens(rotate=twist == "rotate"))

    def _misbehave(self, what: Any, account: Account) -> bool:
        """Answer wrongly; return whether that was an answer at all."""
        if what == "unauthorized":
            account.access_tokens.clear()
            self._error(401, "The access token expired")
        elif what == "revoked":
            account.access_tokens.clear()
            account.refresh_tokens.clear()
            self._error(401, "The access token expired")
        elif what == "forbidden":
            self._error(403, "User not registered in the Developer Dashboard")
        elif what == "error":
            self._send(500, b"<html>Internal Server Error</html>")
        elif what == "unavailable":
            self._error(503, "Service Unavailable")
        elif what == "hang":
            time.sleep(self.spotify.hang_seconds)
            self.close_connection = True
        elif what == "truncated":
            self.send_response(200)
            self.send_header("Content-Length", "5000")
            self.end_headers()
            self.wfile.write(b'{"items": [{"track": {"name": "So')
            self.close_connection = True
        elif what == "garbage":
            self._send(200, b'{"items": [{"track"')
        elif what == "text":
            self._json(500, "something went wrong")
        elif isinstance(what, tuple) and what[0] == "rate":
            body = {"error": {"status": 429, "message": "Too many", "reason": "QUOTA_EXCEEDED"}}
            headers = {} if what[1] is None else {"Retry-After": str(what[1])}
            self._send(429, json.dumps(body).encode(), headers)
        else:
            return False
        return True

    def _page(self, account: Account, given: dict[str, str], twist: Any) -> dict[str, Any]:
        limit = int(given.get("limit", 20))
        kept = sorted(account.plays, key=lambda play: play[0])[-REMEMBERED:]
        if "after" in given:
            kept = [play for play in kept if play[0] > int(given["after"])]
        if "before" in given:
            kept = [play for play in kept if play[0] < int(given["before"])]
        items = [
            {"track": each, "played_at": played_at(time_ms), "context": None}
            for time_ms, each in reversed(kept[-limit:])
        ]
        if twist == "duplicated":
            items = items + items
        elif twist == "shuffled":
            items = items[1::2] + items[::2]
        elif twist == "odd items":
            items = [{"track": None, "played_at": None}, *items, {"track": {}}]
        return {
            "href": f"{self.spotify.base}{self.path}",
            "items": items,
            "limit": limit,
            "next": None,
            "cursors": {"after": "0", "before": "0"} if items else None,
        }

    def _error(self, status: int, message: str) -> None:
        self._json(status, {"error": {"status": status, "message": message}})

    def _json(self, status: int, content: Any) -> None:
        self._send(status, json.dumps(content).encode())

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
