"""The commands of a producer as processes, over one broker and one Spotify on 127.0.0.1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable

from tests.integration.fake_spotify import CLIENT_ID, CLIENT_SECRET, FakeSpotify

from sottovoce.data_sets import PROFILES
from sottovoce.kafka import KafkaSettings, LogReader, Topics
from sottovoce.wire.listens import LISTEN_KEY_BYTES, view_listens
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
    """One producer's commands, with the vault's key and the log in a folder."""

    def __init__(self, settings: KafkaSettings, spotify: FakeSpotify, folder) -> None:
        self.settings = settings
        self.topics = Topics(settings.kafka_topic_prefix)
        self.rpc_port, self.metrics_port = free_port(), free_port()
        self.key_file = folder / "vault.key"
        VaultKeys.create().save(self.key_file)
        self.log = folder / "producer.log"
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SOTTOVOCE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "SOTTOVOCE_KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
            "SOTTOVOCE_VAULT_KEY_FILE": str(self.key_file),
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

    def call(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def start(self, *arguments: str) -> subprocess.Popen:
        ports = ["--rpc-port", str(self.rpc_port), "--metrics-port", str(self.metrics_port)]
        with self.log.open("ab") as log:
            running = subprocess.Popen(
                self.command("run", "--spotify-poll-seconds", "1", *ports, *arguments),
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
            records = [each for each in reader.to_end() if len(each.key) == LISTEN_KEY_BYTES]
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
