"""A sealing key is rotated under a running producer, and the older one dropped when it may be."""

from __future__ import annotations

import json

import pytest
from tests.integration.fake_spotify import FakeSpotify
from tests.integration.producer_process import STANDARD, Producer, eventually

from sottovoce.data_sets.creation import create_data_sets
from sottovoce.kafka import KafkaSettings, LogReader
from sottovoce_producer.vault import Vault, key_of
from sottovoce_producer.vault_keys import VaultKeys

LISTENERS = 1_500


@pytest.fixture
def producer(broker, topic_prefix, tmp_path):
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)
    create_data_sets(settings, STANDARD)
    with FakeSpotify() as spotify:
        yield Producer(settings, spotify, tmp_path)


def entries(producer):
    latest = {}
    with LogReader(producer.settings, [(producer.topics.vault, 0)]) as reader:
        for record in reader.to_end():
            latest[record.key] = record.value
    return latest


@pytest.mark.slow
def test_entries_are_sealed_again_while_plays_are_written(producer):
    simulating = (
        "--simulator-rate=400",
        f"--simulator-listeners={LISTENERS}",
        f"--simulator-seats={LISTENERS}",
    )
    running = producer.start(*simulating)
    try:
        eventually(lambda: len(entries(producer)) > 500)
        first = VaultKeys.load(producer.key_file).current.key_id
        done = producer.call("vault-key", "rotate", str(producer.key_file))
        assert done.returncode == 0, done.stderr
        second = VaultKeys.load(producer.key_file).current.key_id
        assert second != first
        assert first in done.stdout
        before = len(producer.listens())
        eventually(lambda: b"every entry of the vault stands" in producer.log.read_bytes())
        eventually(lambda: len(producer.listens()) > before)
        assert {key_of(value) for value in entries(producer).values()} == {second}
        metrics = producer.metrics()
        assert 'sottovoce_producer_vault_entries{key="older"} 0.0' in metrics
        said = [json.loads(line) for line in producer.log.read_text().splitlines()]
        told = next(line for line in said if "every entry" in line["event"])
        assert told["key_id"] == second
        done = producer.call("vault-key", "retire", str(producer.key_file))
        assert done.returncode == 0, done.stderr
        assert VaultKeys.load(producer.key_file).older == ()
        running.terminate()
        assert running.wait(30) == 0
    finally:
        running.kill()
        running.wait()
    known = entries(producer)
    running = producer.start()
    running.terminate()
    assert running.wait(30) == 0
    ready = [json.loads(line) for line in producer.log.read_text().splitlines() if "ready" in line]
    assert ready[-1]["listeners"] == len(known)


@pytest.mark.slow
def test_an_older_key_is_not_dropped_while_an_entry_stands_under_it(producer, topic_prefix):
    path = str(producer.key_file)
    running = producer.start("--simulator-rate=0", "--simulator-plays=100")
    assert running.wait(60) == 0
    assert producer.call("vault-key", "rotate", path).returncode == 0
    before = producer.key_file.read_bytes()
    done = producer.call("vault-key", "retire", path)
    assert done.returncode == 1
    assert "still has entries under older keys" in done.stderr
    assert done.stderr.count("\n") == 1
    other = f"{topic_prefix}other."
    create_data_sets(producer.settings.model_copy(update={"kafka_topic_prefix": other}), STANDARD)
    for wrong in ("--kafka-bootstrap=127.0.0.1:1", f"--kafka-topic-prefix={other}"):
        done = producer.call("vault-key", "retire", path, wrong)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
    assert "give the kafka_bootstrap and kafka_topic_prefix" in done.stderr
    assert producer.key_file.read_bytes() == before
    keys = VaultKeys.load(producer.key_file)
    for key, value in entries(producer).items():
        assert Vault(keys).open(key, value).account
