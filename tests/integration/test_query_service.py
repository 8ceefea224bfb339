"""The query service as a process on a real broker, asked by the client.

Its crowd listens in slices to come, since a slice that began before the ledger has no budget.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import astuple, replace
from datetime import timedelta

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.exact_service import ExactService
from tests.integration.whole_way import wait_until
from tests.unit.query.crowd import HISTORY, LIVE, Crowd

from sottovoce.client import (
    BudgetSpent,
    Client,
    NoLongerHeld,
    NotAllowed,
    NotComplete,
    Series,
    TimeRange,
    Unavailable,
)
from sottovoce.client.reading import time_range
from sottovoce.data_sets import Terms
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.publishing import publish_catalogue
from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import KafkaSettings, Topics, TransactionalWriter
from sottovoce.local.checks import check_distribution
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2
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
        assert self._listening.wait(120)
        with grpc.insecure_channel(self.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            service = "sottovoce.v1.QueryService"
            return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=30).status

    def until_ready(self) -> Client:
        end = time.monotonic() + 120
        while self.health() != health_pb2.HealthCheckResponse.SERVING:
            assert time.monotonic() < end, self.lines
            time.sleep(0.05)
        return Client(self.address)

    def stop(self, number=signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(60)
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
        live = registry.data_set("live")
        return Crowd(live, start_ms=live.slice_of(int(time.time() * 1000)) + live.slice_ms)
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


def check_genres(client, crowd, asked, first=0, stop=90_000):
    """Each genre's plays lie within their interval, or not far from it."""
    rows = crowd.within(crowd.start_ms + first, crowd.start_ms + stop)
    check = check_distribution(
        "genres", client.genres("live", asked), Counter(row.genre for row in rows)
    )
    assert check.fine, check


def test_answers_follow_the_log_and_survive_a_restart(crowd, write, start):
    middle = crowd.start_ms + 40_000
    write(crowd.records(middle))  # its listens after that are there, but not complete
    query = start()
    with query.until_ready() as client:
        check_genres(client, crowd, whole(crowd, middle), stop=40_000)
        with pytest.raises(NotComplete) as refused:
            client.top_artists("live", whole(crowd))
        assert refused.value.retry_after > timedelta(0)
        trends = client.trends("live", timedelta(seconds=60), size=3)
        assert next(trends).basis.range == whole(crowd, middle)
        write([(shard, *crowd.progress(shard, crowd.end_ms, 1_000)) for shard in range(3)])
        after = next(trends)
        assert after.basis.range.end == whole(crowd).end
        assert client.latest("live", timedelta(seconds=90)) == whole(crowd)
        before = everything(client, crowd)
        check_genres(client, crowd, whole(crowd))
        waiting = threading.Thread(target=lambda: query.stop(), daemon=True)
        waiting.start()
        with pytest.raises(Unavailable):
            list(trends)
    waiting.join(20)
    assert query.stop() == 0
    again = start()
    with again.until_ready() as client:
        assert everything(client, crowd) == before
    assert again.stop(signal.SIGINT) == 0


def everything(client, crowd):
    """Answers whose noise nobody can draw again."""
    asked = whole(crowd)
    return [
        client.genres("live", asked),
        client.countries("live", asked),
        client.top_artists("live", asked, size=100),
        client.top_tracks("live", asked, size=100, by="listeners"),
        client.distinct_listeners("live", asked),
        client.distinct_tracks("live", whole(crowd, crowd.start_ms + 30_000)),
        client.correlation("live", asked),
        client.sample("live", asked),
        client.window("live", Series.genre("dub"), timedelta(seconds=60)),
        list(client.charges()),
    ]


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
        check_genres(client, crowd, whole(crowd))


def test_two_replicas_give_the_same_answers_and_charge_once(crowd, write, start):
    write(crowd.records())
    first, second = start(), start()
    with first.until_ready() as one, second.until_ready() as other:
        assert everything(one, crowd) == everything(other, crowd)
        budget = one.budget("live")
        assert budget.data_sets[0].slices
        assert all(each.spent <= each.allowed == 1.0 for each in budget.data_sets[0].slices)


def test_a_slice_that_is_older_than_the_ledger_has_no_budget(crowd, write, start):
    write(crowd.records())
    query = start()
    with query.until_ready() as client:
        old = TimeRange(*(moment - timedelta(minutes=10) for moment in astuple(whole(crowd))))
        with pytest.raises(NoLongerHeld, match="older than the ledger"):
            client.genres("live", old)


def test_what_is_spent_is_refused_with_slice_need_and_left(crowd, write, start):
    write(crowd.records())
    query = start()
    asked = whole(crowd)
    halves = [
        TimeRange(asked.start, asked.start + timedelta(seconds=60)),
        TimeRange(asked.start + timedelta(seconds=30), asked.end),
        asked,
    ]
    questions = ("distinct_listeners", "distinct_tracks", "distinct_artists")
    with query.until_ready() as client:
        told = None
        for name, each in itertools.product(questions, halves):
            try:
                getattr(client, name)("live", each)
            except BudgetSpent as error:
                told = error
        assert told is not None
        assert float(told.metadata["left"]) < float(told.metadata["need"])
        assert told.metadata["slice"] in str(told)
        assert told.metadata["new_budget"] in str(told)
        client.genres("live", asked)  # what stands is not touched


def test_personal_answers_exactly_about_one_listener_and_refuses_two(settings, write, start):
    alone = personal_crowd(settings, listeners=1)
    write(alone.records())
    query = start(SOTTOVOCE_PRIVACY_MODE="personal")
    with query.until_ready() as client:
        found = client.genres("live", whole(alone))
        assert found.basis.privacy_mode == "personal"
        assert {each.name: each.plays.value for each in found.shares} == Counter(
            row.genre for row in alone.rows
        )
        assert round(client.distinct_listeners("live", whole(alone)).count.value) == 1
        late = personal_crowd(settings, seed=9, listeners=2, listens=30)
        write((shard, *_after(key, value)) for shard, key, value in late.records())
        wait_until(lambda: refuses(client, whole(alone)), "the second listener is seen")


def refuses(client, asked):
    try:
        client.genres("live", asked)
    except NotAllowed as error:
        assert "more than one listener" in str(error)  # noqa: PT017
        return True
    return False


def personal_crowd(settings, **how):
    registry = Registry(settings)
    registry.close()
    return Crowd(registry.data_set("live"), **how)


def test_a_complete_slice_that_changes_is_read_again(settings, crowd, write):
    write(crowd.records())
    exactly = ExactService(settings)
    asked = whole(crowd)

    def artists():
        entries = exactly.client.top_artists("live", asked, size=1_000).entries
        return {entry.artist: entry.count.value for entry in entries}

    def counted(*crowds):
        return Counter(row.artist for each in crowds for row in each.rows)

    try:
        assert artists() == counted(crowd)
        write(crowd.records(base=True))  # a fold: the same content in another form
        time.sleep(0.5)
        assert artists() == counted(crowd)
        late = Crowd(crowd.data_set, crowd.start_ms, seed=9, listens=30)
        write((shard, *_after(key, value)) for shard, key, value in late.records())
        end = time.monotonic() + 60
        while artists() != counted(crowd, late):
            assert time.monotonic() < end
            time.sleep(0.1)
    finally:
        exactly.close()


def test_a_release_stands_though_its_slice_changes(crowd, write, start):
    write(crowd.records())
    query = start()
    with query.until_ready() as client:
        before = everything(client, crowd)
        late = Crowd(crowd.data_set, crowd.start_ms, seed=9, listens=30)
        write((shard, *_after(key, value)) for shard, key, value in late.records())
        wait_until(
            lambda: any("reading slices again" in line for line in query.lines), "it is read again"
        )
        assert everything(client, crowd) == before


def _after(key, value):
    """The same delta, or progress, behind everything that the crowd wrote."""
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
