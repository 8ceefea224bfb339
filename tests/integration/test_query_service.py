"""The query service as a process on a real broker, asked by the client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.unit.query.crowd import HISTORY, LIVE, Crowd

from sottovoce.client import Client, NotComplete, TimeRange, Unavailable
from sottovoce.client.reading import time_range
from sottovoce.data_sets import Terms
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.publishing import publish_catalogue
from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import KafkaSettings, Topics, TransactionalWriter
from sottovoce_query.ranges import Range


class QueryProcess:
    """A running `sottovoce-query`; its log line says where it listens."""

    def __init__(self, settings: KafkaSettings, **more: str):
        environment = os.environ | {
            "SOTTOVOCE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "SOTTOVOCE_KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
            "SOTTOVOCE_QUERY_PORT": "0",
            "SOTTOVOCE_QUERY_DRAIN_SECONDS": "0.1",
            "SOTTOVOCE_LOG_FORMAT": "json",
            **more,
        }
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sottovoce_query.main"],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._listening = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            if '"listening"' in line:
                self.address = json.loads(line)["address"]
                self._listening.set()
        self._listening.set()

    def health(self) -> int:
        assert self._listening.wait(30)
        with grpc.insecure_channel(self.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            service = "sottovoce.v1.QueryService"
            return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status

    def until_ready(self) -> Client:
        end = time.monotonic() + 30
        while self.health() != health_pb2.HealthCheckResponse.SERVING:
            assert time.monotonic() < end, self.lines
            time.sleep(0.05)
        return Client(self.address)

    def stop(self, number=signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(20)
        self._reader.join(5)
        return code


@pytest.fixture
def settings(broker, topic_prefix):
    return KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)


@pytest.fixture
def crowd(settings):
    """A crowd whose data sets, terms and catalogue are in the log, but none of its listens."""
    plain = Crowd()
    version = plain.catalogue.version
    create_data_sets(
        settings,
        [LIVE, HISTORY],
        [Terms(each, catalogue_version=version) for each in ("live", "history")],
        brisk=True,
    )
    publish_catalogue(settings, plain.catalogue, "made-up.csv")
    registry = Registry(settings)
    try:
        return Crowd(registry.data_set("live"))
    finally:
        registry.close()


@pytest.fixture
def start(settings):
    running = []

    def start_one(**more) -> QueryProcess:
        running.append(QueryProcess(settings, **more))
        return running[-1]

    yield start_one
    for each in running:
        each.stop(signal.SIGKILL)


@pytest.fixture
def write(settings, crowd):
    """Writes records of cells of `live`, as the consumer does."""
    writer = TransactionalWriter(settings, "consumer")
    topics = Topics(settings.kafka_topic_prefix)

    def write_all(records):
        with writer.transaction():
            for name in crowd.names():
                key = name.track_high.to_bytes(8) + name.track_low.to_bytes(8)
                writer.produce(topics.tracks, key, name.SerializeToString())
            for shard, key, value in records:
                writer.produce(topics.cells("live"), key, value, partition=shard)

    return write_all


def whole(crowd, until=None) -> TimeRange:
    return time_range(Range(crowd.start_ms, until or crowd.end_ms).to_message())


def artists(crowd, until=None):
    return Counter(row.artist for row in crowd.within(crowd.start_ms, until or crowd.end_ms))


def asked_artists(client, asked):
    top = client.top_artists("live", asked, size=1_000)
    return {entry.artist: entry.count.value for entry in top.entries}


def test_answers_follow_the_log_and_survive_a_restart(crowd, write, start):
    middle = crowd.start_ms + 44_000
    write(crowd.records(middle))  # its listens after that are there, but not complete
    query = start()
    with query.until_ready() as client:
        assert asked_artists(client, whole(crowd, middle)) == artists(crowd, middle)
        with pytest.raises(NotComplete) as refused:
            client.top_artists("live", whole(crowd))
        assert refused.value.retry_after > timedelta(0)
        trends = client.trends("live", timedelta(seconds=60), size=3)
        assert next(trends).basis.range.end == whole(crowd, middle).end
        write([(shard, *crowd.progress(shard, crowd.end_ms, 1_000)) for shard in range(3)])
        after = next(trends)
        assert after.basis.range.end == whole(crowd).end
        assert all(each.movement is not None for each in after.tracks[:1])
        assert client.latest("live", timedelta(seconds=90)) == whole(crowd)
        before = [
            asked_artists(client, whole(crowd)),
            client.distinct_listeners("live", whole(crowd)),
            client.status().data_sets["live"].admitted,
        ]
        assert before[0] == artists(crowd)
        waiting = threading.Thread(target=lambda: query.stop(), daemon=True)
        waiting.start()
        with pytest.raises(Unavailable):
            list(trends)
    waiting.join(20)
    assert query.stop() == 0
    again = start()
    with again.until_ready() as client:
        assert before == [
            asked_artists(client, whole(crowd)),
            client.distinct_listeners("live", whole(crowd)),
            client.status().data_sets["live"].admitted,
        ]
    assert again.stop(signal.SIGINT) == 0


def test_ready_only_when_an_open_transaction_has_ended(settings, crowd, write, start):
    writer = TransactionalWriter(settings, "another")
    topic = Topics(settings.kafka_topic_prefix).cells("live")
    write([])
    with writer.transaction():
        for shard, key, value in crowd.records():
            writer.produce(topic, key, value, partition=shard)
        end = time.monotonic() + 5
        writer._producer.flush(5)
        query = start()
        while time.monotonic() < end:
            assert query.health() == health_pb2.HealthCheckResponse.NOT_SERVING
            with Client(query.address) as client, pytest.raises(Unavailable, match="reading"):
                client.status()
            time.sleep(0.3)
    with query.until_ready() as client:
        assert asked_artists(client, whole(crowd)) == artists(crowd)


def test_a_complete_slice_that_changes_is_read_again(crowd, write, start):
    write(crowd.records())
    query = start()
    with query.until_ready() as client:
        assert asked_artists(client, whole(crowd)) == artists(crowd)
        write(crowd.records(base=True))  # a fold: the same content in another form
        time.sleep(0.5)
        assert asked_artists(client, whole(crowd)) == artists(crowd)
        assert not [line for line in query.lines if "reading slices again" in line]
        late = Crowd(crowd.data_set, seed=9, listens=30)
        moved = ((shard, *_after(key, value)) for shard, key, value in late.records())
        write(moved)
        both = artists(crowd) + artists(late)
        end = time.monotonic() + 10
        while asked_artists(client, whole(crowd)) != both:
            assert time.monotonic() < end
            time.sleep(0.1)
    assert [line for line in query.lines if "reading slices again" in line]


def _after(key, value):
    """The same delta, or progress, behind everything that the crowd wrote."""
    from sottovoce.wire.keys import CellKey, CellKeyKind
    from sottovoce.wire.v1 import cell_pb2

    parsed = CellKey.from_bytes(key)
    if parsed.kind is CellKeyKind.PROGRESS:
        return key, value
    part = cell_pb2.CellPart.FromString(value)
    part.from_offset += 10_000
    part.through_offset += 10_000
    return replace(parsed, from_offset=part.from_offset).to_bytes(), part.SerializeToString()


def test_an_unreachable_broker_is_one_clear_sentence(start, settings):
    query = start(SOTTOVOCE_KAFKA_BOOTSTRAP="127.0.0.1:1")
    assert query.process.wait(30) == 1
    query.stop()
    assert query.lines[-1].startswith("error: no Kafka broker answers at 127.0.0.1:1")


def test_missing_topics_are_one_clear_sentence(start, settings):
    query = start()
    assert query.process.wait(30) == 1
    query.stop()
    assert "sottovoce topics create" in query.lines[-1]


def test_a_busy_port_is_one_clear_sentence(start, crowd, write):
    first = start()
    first.until_ready().close()
    port = first.address.rpartition(":")[2]
    second = start(SOTTOVOCE_QUERY_PORT=port)
    assert second.process.wait(30) == 1
    second.stop()
    assert second.lines[-1] == (
        f"error: gRPC can't listen on 127.0.0.1:{port}: choose another query_port\n"
    )
