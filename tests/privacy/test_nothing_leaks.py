"""What a producer is told of people stays in it: every topic is read raw, and its log and metrics.

Cells and dead letters are written too, by the consumer's commits, so what a listen carries on is
looked through with the rest.
"""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from confluent_kafka import Consumer, TopicPartition
from tests.integration import consumer_without_spark
from tests.integration.fake_spotify import CLIENT_SECRET, FakeSpotify
from tests.integration.producer_process import STANDARD, Producer, eventually
from tests.unit.producer.exports import ADDRESS, AGENT, USER, extended_row, write_json

from sottovoce.data_sets.creation import create_data_sets
from sottovoce.kafka import KafkaSettings
from sottovoce_producer import vault
from sottovoce_producer.assembly import assemble
from sottovoce_producer.plays import PlayRow, Plays
from sottovoce_producer.settings import WriterSettings
from sottovoce_producer.writer import Batch

EMAIL = "Made.Up@example.org"
DEVICE = "DEVICE-0f1e2d3c4b5a"
PLATFORM = "Android OS 13 API 33 (made, up)"
IMPORTED, CONNECTED, FORGOTTEN = "Import-Account", "Connected-Account", "Forgotten-Account"
TOKENS = ("secret-refresh", "secret-access")
PRIVATE = (
    *(ADDRESS, AGENT, USER, EMAIL, DEVICE, PLATFORM, IMPORTED, CONNECTED, FORGOTTEN),
    *(*TOKENS, CLIENT_SECRET),
)
SONG = "A Song That Nobody Else Sings"
HEARD = "Song 4711"
"""What the connected account plays."""


def forms_of(text: str) -> set[bytes]:
    """Return the bytes that would tell a text, in lower case."""
    folded = text.lower()
    encodings = ("utf-8", "utf-16-le", "utf-16-be")
    forms = {form.encode(encoding) for form in (folded, folded[::-1]) for encoding in encodings}
    return forms | {quote(folded).lower().encode(), folded.encode().hex().encode()}


def tells(written: bytes, text: str) -> bool:
    """Return whether a text stands in bytes, in any case and any of its forms."""
    folded = written.lower()
    return any(form in folded for form in forms_of(text))


def everything(settings: KafkaSettings) -> dict[str, bytes]:
    """Return every topic's records, aborted ones too: keys, values, headers."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "group.id": "raw",
            "isolation.level": "read_uncommitted",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    prefix = settings.kafka_topic_prefix
    found: dict[str, list[bytes]] = {}
    pairs = []
    for name, topic in consumer.list_topics(timeout=10).topics.items():
        if name.startswith(prefix):
            found[name.removeprefix(prefix)] = []
            pairs += [TopicPartition(name, partition, 0) for partition in topic.partitions]
    consumer.assign(pairs)
    ended = set()
    while len(ended) < len(pairs):
        message = consumer.poll(10)
        assert message is not None, "a topic can't be read to its end"
        if message.error():
            ended.add((message.topic(), message.partition()))
            continue
        parts = [message.key() or b"", message.value() or b""]
        parts += [name.encode() + (value or b"") for name, value in message.headers() or ()]
        found[message.topic().removeprefix(prefix)] += parts
    consumer.close()
    return {name: b"\n".join(parts) for name, parts in found.items()}


@pytest.fixture
def kafka(broker, topic_prefix):
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)
    create_data_sets(settings, STANDARD)
    return settings


@pytest.mark.slow
def test_what_is_private_is_in_no_topic_no_log_and_no_metric(kafka, tmp_path):
    private_fields = {"email_address": EMAIL, "device_id": DEVICE, "platform": PLATFORM}
    rows = [
        extended_row(master_metadata_track_name=SONG, spotify_track_uri=None, **private_fields),
        extended_row(conn_country=ADDRESS, **private_fields),
        extended_row(ts=EMAIL, **private_fields),
        extended_row(ms_played=AGENT, **private_fields),
    ]
    export = write_json(tmp_path / "export" / "endsong_0.json", rows)
    with FakeSpotify() as spotify:
        producer = Producer(kafka, spotify, tmp_path)
        running = producer.start()
        try:
            producer.login(CONNECTED)
            spotify.account(CONNECTED).play(time.time_ns() // 1_000_000 - 1_000, 4711)
            eventually(lambda: len(producer.listens()) == 1)
            for account in (IMPORTED, FORGOTTEN):
                done = producer.call("history", "--from-start", "--account", account, str(export))
                assert done.returncode == 0, done.stderr
            for account in (FORGOTTEN, CONNECTED, "Never-Known"):
                done = producer.call("forget", account)
                assert done.returncode == 0, done.stderr
                assert done.stdout.startswith(f"{account!r} is forgotten: ")
            metrics = producer.metrics()
            running.terminate()
            assert running.wait(30) == 0
        finally:
            running.kill()
            running.wait()
    consumer_without_spark.main(kafka.kafka_bootstrap, kafka.kafka_topic_prefix, -1)
    written = everything(kafka)
    assert written["vault"]
    assert written["cells.live"]
    assert not written["dead-letters"], "a retired listener is refused"
    written |= {"log": producer.log.read_bytes(), "metrics": metrics.encode()}
    found = [(where, text) for where in written for text in PRIVATE if tells(written[where], text)]
    assert found == []
    for title in (SONG, HEARD, "A Singer"):
        assert [where for where in written if tells(written[where], title)] == ["tracks"]


def test_what_a_vault_would_write_without_its_cipher_would_be_found(kafka, monkeypatch):
    class NoCipher:
        def __init__(self, _):
            pass

        def encrypt(self, _, plain, __):
            return plain

    monkeypatch.setattr(vault, "AESGCM", NoCipher)
    settings = WriterSettings(**kafka.model_dump(), pseudonym_seed="tests")
    assembly = assemble(settings)
    now_ms = time.time_ns() // 1_000_000
    plays, _ = Plays.from_rows([PlayRow(IMPORTED, "", "A Singer", SONG, "", now_ms)])
    assembly.writer.write(Batch("live", plays))
    assembly.writer.connect(CONNECTED, TOKENS[0].encode())
    assembly.close()
    written = everything(kafka)
    found = {(name, text) for name in written for text in PRIVATE if tells(written[name], text)}
    assert found == {("vault", IMPORTED), ("vault", CONNECTED), ("vault", TOKENS[0])}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_text_is_found_in_every_form_that_is_looked_for(encoding):
    for text in PRIVATE:
        for form in (text, text.upper(), text.lower()):
            assert tells(b"\0" + form.encode(encoding) + b"\0", text)
    assert tells(quote(EMAIL).encode(), EMAIL)
    assert not tells(b"nothing", EMAIL)
