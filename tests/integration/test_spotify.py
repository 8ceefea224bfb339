"""Source `spotify` against a Spotify that misbehaves: none lost, none doubled, all of it told.

The clock is the test's: hours pass at once. The server is real and speaks HTTP.
"""

from __future__ import annotations

import json
import random
import socket
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from tests.integration.fake_spotify import (
    CLIENT_ID,
    CLIENT_SECRET,
    CURRENTLY_PLAYING,
    RECENTLY_PLAYED,
    TOKEN,
    FakeSpotify,
    track,
)

from sottovoce.wire.v1 import producer_pb2
from sottovoce_producer.errors import RestingAccountError, SourceError
from sottovoce_producer.sources.spotify.api import SpotifyApp
from sottovoce_producer.sources.spotify.login import LoginError, log_in
from sottovoce_producer.sources.spotify.metrics import SpotifyMetrics
from sottovoce_producer.sources.spotify.poller import SpotifyPoller
from sottovoce_producer.sources.spotify.settings import SpotifySettings

START_MS = 1_790_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


class Clock:
    def __init__(self) -> None:
        self.now_ms = START_MS

    def __call__(self) -> int:
        return self.now_ms


class MemorySink:
    """The writer's promises, in memory: listens and cursor together, one event once."""

    def __init__(self) -> None:
        self.cursors: dict[str, bytes] = {}
        self.tokens: dict[str, bytes] = {}
        self.events: list[tuple] = []
        self.doubles = 0
        self.fail = False
        self._lock = threading.Lock()

    def cursor(self, source):
        return self.cursors.get(source)

    def connect(self, account, tokens):
        self.tokens[account] = tokens

    def write(self, batch):
        with self._lock:
            if self.fail:
                raise ConnectionResetError("no broker")
            plays = batch.plays
            for row in range(len(plays)):
                number = plays.track[row]
                event = (
                    plays.accounts[plays.account[row]],
                    plays.tracks.title[number],
                    int(plays.end_time_ms[row]),
                    int(plays.ms_played[row]),
                )
                if event in self.events:
                    self.doubles += 1
                else:
                    self.events.append(event)
            self.cursors[batch.source] = batch.cursor
            return producer_pb2.PlayCounts(taken=len(plays))

    def times(self, account: str) -> list[int]:
        return sorted(event[2] for event in self.events if event[0] == account)


class World:
    """A poller, its app, its sink, its clock, and the Spotify that it asks."""

    def __init__(self, spotify: FakeSpotify, **settings) -> None:
        self.spotify = spotify
        self.clock = Clock()
        self.sink = MemorySink()
        self.settings = spotify_settings(spotify, **settings)
        self.restart()

    def restart(self) -> None:
        """What a new process does: the sink's state is all that is left."""
        self.registry = CollectorRegistry()
        self.poller = SpotifyPoller(
            SpotifyApp(self.settings, self.clock),
            self.sink,
            lambda: self.sink.tokens,
            lambda account: f"label-of-{sum(account.encode())}",
            SpotifyMetrics(self.registry),
            random.Random(1).random,
        )

    def connect(self, *names: str) -> None:
        for name in names:
            given = self.spotify.account(name).tokens(rotate=True)
            given["expires_at"] = self.clock.now_ms // 1000 + given["expires_in"]
            self.sink.tokens[name] = json.dumps(given).encode()

    def go(self, seconds: float, tick: float = 5.0) -> None:
        """Let time pass."""
        until = self.clock.now_ms + int(seconds * 1000)
        with ThreadPoolExecutor(4) as pool:
            while True:
                self.poller.step(pool)
                self.poller.settle()
                if self.clock.now_ms >= until:
                    break
                self.clock.now_ms = min(until, self.clock.now_ms + int(tick * 1000))
            self.poller.step(pool)
            self.poller.settle()

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels or None) or 0.0

    def looks(self, account: str, outcome: str) -> float:
        label = f"label-of-{sum(account.encode())}"
        return self.metric("sottovoce_producer_spotify_looks_total", account=label, outcome=outcome)

    def asked(self, path: str) -> int:
        return sum(each[1] == path for each in self.spotify.seen)


def spotify_settings(spotify: FakeSpotify, **more) -> SpotifySettings:
    return SpotifySettings(
        spotify_client_id=CLIENT_ID,
        spotify_client_secret=CLIENT_SECRET,
        spotify_api_base=f"{spotify.base}/v1/",
        spotify_accounts_base=spotify.base,
        spotify_timeout_seconds=0.4,
        **more,
    )


@pytest.fixture
def spotify():
    with FakeSpotify() as running:
        yield running


@pytest.fixture
def logged():
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def world(spotify, logged):
    return World(spotify)


def expected(world: World, account: str) -> list[int]:
    return sorted(time_ms for time_ms, _ in world.spotify.account(account).plays)


def test_plays_come_once_however_often_spotify_is_asked(world):
    world.connect("ann")
    ann = world.spotify.account("ann")
    for minute in range(1, 31):
        ann.play(world.clock.now_ms, minute)
        world.go(60)
    assert world.sink.times("ann") == expected(world, "ann")
    assert world.sink.doubles == 0
    assert world.asked(RECENTLY_PLAYED) > 40


FAULTS = [
    "unauthorized",
    "forbidden",
    "error",
    "unavailable",
    "hang",
    "truncated",
    "garbage",
    "text",
    ("rate", 7),
    ("rate", None),
    ("rate", "soon"),
    "duplicated",
    "shuffled",
    "odd items",
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("path", [RECENTLY_PLAYED, CURRENTLY_PLAYING, TOKEN])
def test_a_fault_loses_nothing_doubles_nothing_and_leaves_others_alone(
    spotify, logged, fault, path
):
    world = World(spotify, spotify_forbidden_seconds=300)
    world.connect("ann", "bob")
    for minute in range(20):
        if minute == 10:
            world.spotify.account("ann").script[path].extend([fault, fault])
            if path == TOKEN:
                world.spotify.account("ann").access_tokens.clear()
        for name in ("ann", "bob"):
            world.spotify.account(name).play(world.clock.now_ms, minute)
        world.go(30, tick=10)
    world.go(900, tick=30)
    for name in ("ann", "bob"):
        assert world.sink.times(name) == expected(world, name)
    assert world.sink.doubles == 0
    assert world.looks("bob", "ok") > 0
    for kind in ("unavailable", "rate_limited", "unauthorized", "forbidden", "consent_needed"):
        assert world.looks("bob", kind) == 0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("forbidden", "forbidden"),
        ("error", "unavailable"),
        ("hang", "unavailable"),
        ("truncated", "unavailable"),
        ("garbage", "unavailable"),
        (("rate", 7), "rate_limited"),
        ("revoked", "consent_needed"),
    ],
    ids=str,
)
def test_every_fault_is_seen_in_metrics_and_log_and_no_token_is(world, logged, capfd, fault, kind):
    world.connect("ann")
    world.spotify.account("ann").script[RECENTLY_PLAYED].append(fault)
    world.go(20)
    assert world.looks("ann", kind) == 1
    lines = [line for line in logged if line.get("fault") == kind]
    assert len(lines) == 1
    seen = (
        json.dumps(logged) + generate_latest(world.registry).decode() + "".join(capfd.readouterr())
    )
    for hidden in ("secret-", "Bearer", CLIENT_SECRET, "ann", "Song"):
        assert hidden not in seen


def test_an_expired_access_token_is_renewed_before_it_is_used(world):
    world.connect("ann")
    world.go(10)
    world.clock.now_ms += 2 * HOUR_MS
    world.spotify.account("ann").play(world.clock.now_ms, 1)
    world.go(60)
    assert world.sink.times("ann") == expected(world, "ann")
    assert world.asked(TOKEN) == 1
    assert world.looks("ann", "unauthorized") == 0


def test_a_new_refresh_token_is_kept_and_an_old_one_stays_where_none_comes(world):
    world.connect("ann")
    first = json.loads(world.sink.tokens["ann"])
    world.clock.now_ms += 2 * HOUR_MS
    world.go(10)
    second = json.loads(world.sink.tokens["ann"])
    assert second["refresh_token"] == first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    world.spotify.account("ann").script[TOKEN].append("rotate")
    world.clock.now_ms += 2 * HOUR_MS
    world.go(60)
    assert json.loads(world.sink.tokens["ann"])["refresh_token"] != first["refresh_token"]


def test_a_person_whose_consent_is_over_is_named_by_label_and_comes_back_by_login(world, logged):
    world.connect("ann", "bob")
    world.go(40)
    ann = world.spotify.account("ann")
    ann.access_tokens.clear()
    ann.refresh_tokens.clear()
    for minute in range(20):
        world.spotify.account("ann").play(world.clock.now_ms, minute)
        world.spotify.account("bob").play(world.clock.now_ms, minute)
        world.go(60)
    label = f"label-of-{sum(b'ann')}"
    consent = "sottovoce_producer_spotify_consent_needed"
    assert world.metric(consent, account=label) == 1
    assert [line["account"] for line in logged if line.get("fault") == "consent_needed"] == [label]
    assert world.asked(TOKEN) == 1
    assert world.sink.times("bob") == expected(world, "bob")
    world.connect("ann")
    world.go(60)
    assert world.metric(consent, account=label) == 0
    assert world.sink.times("ann") == expected(world, "ann")
    assert world.sink.doubles == 0


def test_a_rate_limit_of_hours_is_waited_for_and_not_asked_into(world):
    world.connect("ann", "bob")
    world.go(40)
    world.spotify.account("ann").script[RECENTLY_PLAYED].append(("rate", 5 * 3600))
    world.go(40)
    assert world.looks("ann", "rate_limited") == 1
    before, others = world.looks("ann", "ok"), world.looks("bob", "ok")
    world.spotify.account("ann").play(world.clock.now_ms, 1)
    world.go(5 * 3600 - 120, tick=30)
    assert world.looks("ann", "ok") == before
    assert world.looks("bob", "ok") > others + 100
    world.go(200)
    assert world.looks("ann", "ok") > before
    assert world.sink.times("ann") == expected(world, "ann")


def test_errors_of_spotifys_own_are_met_with_growing_waits_up_to_the_cap(spotify, logged):
    world = World(spotify, spotify_backoff_cap_seconds=60)
    world.connect("ann")
    world.spotify.account("ann").script[RECENTLY_PLAYED].extend(["error"] * 12)
    world.go(1_200, tick=1)
    waits = [line["retry_in_seconds"] for line in logged if line.get("fault") == "unavailable"]
    assert len(waits) == 12
    assert waits[0] <= 2
    assert all(30 <= wait <= 60 for wait in waits[6:])
    assert any(line["event"] == "spotify account answers again" for line in logged)


def test_a_restart_at_any_time_loses_and_doubles_nothing(world):
    world.connect("ann")
    chance = random.Random(3)
    for number in range(60):
        world.spotify.account("ann").play(world.clock.now_ms, number)
        world.go(60)
        if chance.random() < 0.3:
            world.restart()
        if chance.random() < 0.2:
            world.sink.fail = True
            world.clock.now_ms += MINUTE_MS
            world.spotify.account("ann").play(world.clock.now_ms - 1, 1_000 + number)
            with pytest.raises(ConnectionResetError):
                world.go(60)
            world.sink.fail = False
            world.restart()
    world.go(60)
    assert world.sink.times("ann") == expected(world, "ann")
    assert world.sink.doubles == 0


def test_a_play_that_spotify_tells_late_is_taken_within_the_overlap(world):
    world.connect("ann")
    ann = world.spotify.account("ann")
    ann.play(world.clock.now_ms, 1)
    world.go(60)
    ann.play(world.clock.now_ms, 2)
    world.go(60)
    ann.play(world.clock.now_ms - 30 * MINUTE_MS, 3)
    world.go(60)
    assert world.sink.times("ann") == expected(world, "ann")
    assert world.sink.doubles == 0


def test_two_plays_of_one_millisecond_are_two(world):
    world.connect("ann")
    ann = world.spotify.account("ann")
    at = world.clock.now_ms
    ann.play(at, 1)
    world.go(60)
    ann.play(at, 2)
    world.go(120)
    assert world.sink.times("ann") == [at, at]


def test_more_plays_than_spotify_keeps_are_a_gap_that_is_told(world, logged):
    world.connect("ann")
    ann = world.spotify.account("ann")
    ann.play(world.clock.now_ms, 0)
    world.go(40)
    for number in range(1, 70):
        ann.play(world.clock.now_ms + number, number)
    world.clock.now_ms += HOUR_MS
    world.go(120)
    label = f"label-of-{sum(b'ann')}"
    assert world.metric("sottovoce_producer_spotify_gaps_total", account=label) == 1
    assert len([line for line in logged if "fewer plays" in line["event"]]) == 1
    assert len(world.sink.times("ann")) == 51


def test_more_plays_in_the_overlap_than_a_page_holds_do_not_stand_in_the_way(world):
    world.connect("ann")
    ann = world.spotify.account("ann")
    for number in range(120):
        ann.play(world.clock.now_ms, number, duration_ms=20_000)
        world.go(20, tick=10)
    world.go(60)
    assert world.sink.times("ann") == expected(world, "ann")
    assert world.sink.doubles == 0
    label = f"label-of-{sum(b'ann')}"
    assert world.metric("sottovoce_producer_spotify_gaps_total", account=label) == 0


def test_a_play_from_the_future_does_not_hide_those_before_it(world):
    world.connect("ann")
    ann = world.spotify.account("ann")
    ann.play(world.clock.now_ms + 400 * 24 * HOUR_MS, 1)
    world.go(60)
    ann.play(world.clock.now_ms, 2)
    world.go(60)
    assert world.sink.times("ann") == expected(world, "ann")
    assert world.sink.doubles == 0


def test_how_long_a_play_was_heard_is_known_where_the_track_was_seen_playing(world):
    world.connect("ann")
    ann = world.spotify.account("ann")
    began = world.clock.now_ms
    ann.playing = {
        "timestamp": began,
        "progress_ms": 1_000,
        "is_playing": True,
        "currently_playing_type": "track",
        "item": track(5),
    }
    world.go(1)
    ann.playing = None
    ann.play(began + 60_000, 5)
    ann.play(began + 90_000, 6)
    world.clock.now_ms += 120_000
    world.go(60)
    heard = {event[1]: event[3] for event in world.sink.events}
    assert heard == {"Song 5": 61_000, "Song 6": 0}
    world.restart()
    world.go(120)
    assert world.sink.doubles == 0
    assert len(world.sink.events) == 2


def test_played_at_can_be_the_start(spotify, logged):
    world = World(spotify, spotify_played_at="start")
    world.connect("ann")
    spotify.account("ann").play(START_MS - 300_000, 1, duration_ms=200_000)
    world.go(30)
    assert world.sink.times("ann") == [START_MS - 100_000]


def test_an_account_that_is_gone_is_not_asked_about(world):
    world.connect("ann", "bob")
    world.go(40)
    del world.sink.tokens["ann"]
    world.go(40)
    asked = world.looks("ann", "ok")
    world.go(300)
    assert world.looks("ann", "ok") == asked
    assert world.metric("sottovoce_producer_spotify_accounts") == 1


def test_an_account_that_is_forgotten_while_its_tokens_are_renewed_is_let_go(world):
    world.connect("ann", "bob")
    world.go(40)

    def connect(account, tokens):
        world.sink.tokens.pop(account, None)
        raise RestingAccountError("forgotten")

    world.sink.connect = connect
    world.go(3_700)
    assert world.sink.tokens == {}
    assert world.metric("sottovoce_producer_spotify_accounts") == 0
    asked = len(world.spotify.seen)
    world.go(300)
    assert len(world.spotify.seen) == asked


def test_nothing_is_asked_but_the_three_things_a_new_app_may_ask(world):
    world.connect("ann")
    for fault in FAULTS:
        world.spotify.account("ann").script[RECENTLY_PLAYED].append(fault)
    for number in range(60):
        world.spotify.account("ann").play(world.clock.now_ms, number)
        world.go(240, tick=30)
    assert {(method, path) for method, path, _ in world.spotify.seen} == {
        ("GET", RECENTLY_PLAYED),
        ("GET", CURRENTLY_PLAYING),
        ("POST", TOKEN),
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_login_brings_tokens_with_which_plays_come(spotify, logged, capfd):
    world = World(spotify, spotify_redirect_port=free_port())
    app = SpotifyApp(world.settings, world.clock)
    browser = []

    def consent(address: str) -> None:
        def open_it() -> None:
            base = app.redirect_uri
            for wrong in ("?code=stolen&state=guessed", "?state=", "/../favicon.ico"):
                with pytest.raises(urllib.request.HTTPError):
                    urllib.request.urlopen(base + wrong, timeout=5)
            urllib.request.urlopen(spotify.consent(address, "ann"), timeout=5).read()

        browser.append(threading.Thread(target=open_it))
        browser[0].start()

    world.sink.connect("ann", log_in(app, consent, timeout_seconds=10))
    browser[0].join()
    spotify.account("ann").play(START_MS - 1_000, 1)
    world.go(30)
    assert world.sink.times("ann") == expected(world, "ann")
    seen = json.dumps(logged) + "".join(capfd.readouterr())
    assert "secret-" not in seen


def test_a_login_that_is_refused_or_not_finished_says_so(spotify):
    app = SpotifyApp(spotify_settings(spotify, spotify_redirect_port=free_port()), Clock())

    def refuse(address: str) -> None:
        state = address.split("state=")[1].split("&")[0]
        back = f"{app.redirect_uri}?error=access_denied&state={state}"
        threading.Thread(target=lambda: urllib.request.urlopen(back, timeout=5).read()).start()

    with pytest.raises(LoginError, match="access_denied"):
        log_in(app, refuse, timeout_seconds=5)
    with pytest.raises(LoginError, match="nobody consented within"):
        log_in(app, lambda _: None, timeout_seconds=0.2)


def test_a_login_on_a_busy_port_says_so(spotify):
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        app = SpotifyApp(spotify_settings(spotify, spotify_redirect_port=port), Clock())
        with pytest.raises(LoginError, match=f"spotify_redirect_port {port} can't be used"):
            log_in(app, lambda _: None, timeout_seconds=1)


def test_an_app_without_its_id_says_how_to_get_one():
    with pytest.raises(SourceError, match="spotify_client_id and spotify_client_secret"):
        SpotifyApp(SpotifySettings(), Clock())
