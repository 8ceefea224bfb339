"""Spotify to the log: the real commands, a real broker, a Spotify on 127.0.0.1."""

from __future__ import annotations

import signal
import subprocess
import threading
import time

import pytest
from tests.integration.fake_spotify import CLIENT_SECRET, RECENTLY_PLAYED, TOKEN, FakeSpotify
from tests.integration.producer_process import STANDARD, Producer, eventually

from sottovoce.data_sets import Terms
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.kafka import KafkaSettings


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
