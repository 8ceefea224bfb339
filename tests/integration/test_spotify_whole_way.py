"""Spotify to the log: the real commands, a real broker, a Spotify on 127.0.0.1."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable

import pytest
from tests.integration.fake_spotify import (
    CLIENT_ID,
    CLIENT_SECRET,
    RECENTLY_PLAYED,
    TOKEN,
    FakeSpotify,
)

from sottovoce.data_sets import PROFILES, Terms
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.kafka import KafkaSettings, LogReader, Topics
from sottovoce.wire.listens import view_listens
from sottovoce_producer.vault_keys import VaultKeys

STANDARD = list(PROFILES["standard"].values())
SHARDS = next(each.shards for each in STANDARD if each.name == "live")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.2)


class Producer:
    """The commands of a producer over one broker and one Spotify."""

    def __init__(self, settings: KafkaSettings, spotify: FakeSpotify, folder) -> None:
        self.settings = settings
        self.topics = Topics(settings.kafka_topic_prefix)
        self.rpc_port, self.metrics_port = free_port(), free_port()
        key_file = folder / "vault.key"
        VaultKeys.create().save(key_file)
        self.log = folder / "producer.log"
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SOTTOVOCE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "SOTTOVOCE_KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
            "SOTTOVOCE_VAULT_KEY_FILE": str(key_file),
            "SOTTOVOCE_LOG_FORMAT": "json",
            "SOTTOVOCE_LOG_LEVEL": "debug",
            "SOTTOVOCE_SPOTIFY_CLIENT_ID": CLIENT_ID,
            "SOTTOVOCE_SPOTIFY_CLIENT_SECRET": CLIENT_SECRET,
            "SOTTOVOCE_SPOTIFY_API_BASE": f"{spotify.base}/v1/",
            "SOTTOVOCE_SPOTIFY_ACCOUNTS_BASE": spotify.base,
            "SOTTOVOCE_SPOTIFY_REDIRECT_PORT": str(free_port()),
            "SOTTOVOCE_RPC_TARGET": f"127.0.0.1:{self.rpc_port}",
        }
        self.spotify = spotify

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "sottovoce_producer.main", *arguments]

    def start(self) -> subprocess.Popen:
        ports = ["--rpc-port", str(self.rpc_port), "--metrics-port", str(self.metrics_port)]
        with self.log.open("ab") as log:
            running = subprocess.Popen(
                self.command("run", "--spotify-poll-seconds", "1", *ports),
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        eventually(lambda: self.log.read_bytes().count(b'"ready"') > self._ready)
        self._ready += 1
        return running

    _ready = 0

    def login(self, name: str) -> str:
        running = subprocess.Popen(
            self.command("spotify", "login", "--account", name, "--no-open-browser"),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        shown = ""
        while "http" not in shown:
            line = running.stdout.readline()
            assert line, shown
            shown += line
        address = shown[shown.index("http") :].split()[0]
        urllib.request.urlopen(self.spotify.consent(address, name), timeout=10).read()
        shown += running.communicate(timeout=60)[0]
        assert running.returncode == 0, shown
        return shown

    def listens(self) -> list[tuple[int, ...]]:
        topic = self.topics.listens("live")
        with LogReader(self.settings, [(topic, shard) for shard in range(SHARDS)]) as reader:
            records = list(reader.to_end())
        listens = view_listens(b"".join(each.value for each in records if each.value))
        columns = ("listener_high", "listener_low", "track_low", "end_time_ms")
        return sorted(zip(*(listens[name].tolist() for name in columns), strict=True))

    def metrics(self) -> str:
        address = f"http://127.0.0.1:{self.metrics_port}/metrics"
        return urllib.request.urlopen(address, timeout=10).read().decode()

    def written(self) -> bytes:
        found = b""
        for topic in (self.topics.vault, self.topics.cursors, self.topics.tracks):
            with LogReader(self.settings, [(topic, 0)]) as reader:
                found += b"".join(each.key + (each.value or b"") for each in reader.to_end())
        return found


@pytest.fixture
def spotify():
    with FakeSpotify() as running:
        yield running


@pytest.fixture
def producer(broker, topic_prefix, spotify, tmp_path):
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)
    create_data_sets(settings, STANDARD, [Terms("live", listens_per_slice=10_000)])
    return Producer(settings, spotify, tmp_path)


@pytest.mark.slow
def test_people_log_in_listen_and_are_in_the_log_once_through_faults_and_kills(producer, spotify):
    names = ("ann-account", "bob-account")
    stop = threading.Event()

    def listen() -> None:
        number = 0
        while not stop.wait(1.0):
            number += 1
            for name in names:
                spotify.account(name).play(time.time_ns() // 1_000_000 - 1_000, number)

    listening = threading.Thread(target=listen)
    running = producer.start()
    try:
        shown = "".join(producer.login(name) for name in names)
        listening.start()
        ann = spotify.account("ann-account")
        ann.script[RECENTLY_PLAYED].extend(["error", "truncated", "unauthorized", ("rate", 2)])
        ann.script[TOKEN].append("rotate")
        eventually(lambda: len(producer.listens()) >= 8)
        running.send_signal(signal.SIGKILL)
        running.wait()
        running = producer.start()
        eventually(lambda: len(producer.listens()) >= 20)
        stop.set()
        listening.join()
        played = sum(len(each.plays) for each in spotify.accounts.values())
        eventually(lambda: len(producer.listens()) >= played)
        metrics = producer.metrics()
        whose = subprocess.run(
            producer.command("spotify", "accounts"),
            env=producer.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        running.terminate()
        assert running.wait(30) == 0
    finally:
        stop.set()
        running.kill()
        running.wait()
    listens = producer.listens()
    assert len(listens) == len(set(listens)) == played
    assert len({listen[:2] for listen in listens}) == 2
    log = producer.log.read_text()
    labels = [line.split()[0] for line in whose.splitlines()[1:]]
    assert len(labels) == 2
    assert all(f'account="{label}"' in metrics and label in log for label in labels)
    assert all(name in whose for name in names)
    assert "rate_limited" in log
    for hidden in ("secret-", CLIENT_SECRET, "Bearer"):
        assert hidden not in log + metrics + shown + whose
        assert hidden.encode() not in producer.written()
    for hidden in names:
        assert hidden not in log + metrics
        assert hidden.encode() not in producer.written()
