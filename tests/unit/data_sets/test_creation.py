"""Making data sets, the log left out."""

import dataclasses
from contextlib import contextmanager

import pytest

from sottovoce.data_sets import PROFILES, creation
from sottovoce.kafka import KafkaSettings
from sottovoce.kafka.errors import MissingTopicError
from sottovoce.wire.v1 import release_pb2

LEDGER = b"a ledger of test"
LIVE = PROFILES["demo"]["live"]


class Log:
    """Data sets that are there, topics and records that come."""

    def __init__(self, *data_sets):
        self.data_sets = {each.name: each for each in data_sets}
        self.partitions = {}
        self.keys = []

    def writer(self, *_):
        return self

    @contextmanager
    def transaction(self):
        yield

    def produce(self, _, key, __):
        self.keys.append(key)

    def registry(self, _):
        if not self.data_sets:
            raise MissingTopicError("none")
        return self

    def close(self):
        pass

    def new_opening(self, _, data_sets, there, now_ms):
        self.opened_for = [each.name for each in data_sets], list(there)
        opening = release_pb2.LedgerOpening(ledger=LEDGER, opened_at_ms=now_ms)
        return release_pb2.LedgerRecord(opening=opening)

    def create_topics(self, _, specs, **__):
        self.partitions = {spec.name: spec.partitions for spec in specs}
        return list(self.partitions)


@pytest.fixture
def create(monkeypatch):
    def create(log, *data_sets):
        monkeypatch.setattr(creation, "TransactionalWriter", log.writer)
        monkeypatch.setattr(creation, "Registry", log.registry)
        monkeypatch.setattr(creation, "create_topics", log.create_topics)
        monkeypatch.setattr(creation, "new_opening", log.new_opening)
        creation.create_data_sets(KafkaSettings(), data_sets)

    return create


def test_a_new_data_set_gets_topics_and_constants_as_told(create):
    log = Log()
    create(log, dataclasses.replace(LIVE, shards=3))
    assert log.partitions["cells.live"] == log.partitions["listens.live"] == 3
    assert [key.split(b"/")[0] for key in log.keys] == [LEDGER, b"data-set", b"terms"]
    assert log.opened_for == (["live"], [])


def test_a_lost_topic_comes_back_with_the_shards_of_its_data_set(create):
    log = Log(dataclasses.replace(LIVE, shards=7))
    create(log, LIVE)
    assert log.partitions["cells.live"] == log.partitions["listens.live"] == 7
    assert log.keys == [LEDGER]  # the ledger was lost, too: it is opened for what is there
    assert log.opened_for == (["live"], ["live"])
