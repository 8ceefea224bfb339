"""The log on a real broker: transactions, fences, reading to the end."""

import threading
import time

import pytest
from chaos.hanging import end
from confluent_kafka import KafkaException, Producer, TopicPartition

from sottovoce.data_sets import PROFILES
from sottovoce.data_sets.creation import create_data_sets, is_untouched
from sottovoce.data_sets.registry import Registry
from sottovoce.data_sets.topic_settings import compare_topics, topic_specs
from sottovoce.kafka import KafkaSettings, LogReader, Topics, TransactionalWriter
from sottovoce.kafka.errors import (
    FatalWriteError,
    LogError,
    LostRecordsError,
    MissingTopicError,
    UnreachableBrokerError,
)
from sottovoce.kafka.hanging import HangingTransaction, hanging_transactions

DEMO = list(PROFILES["demo"].values())


@pytest.fixture
def settings(broker, topic_prefix):
    return KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)


@pytest.fixture
def topics(settings):
    create_data_sets(settings, DEMO)
    return Topics(settings.kafka_topic_prefix)


def test_data_sets_are_made_once_and_read_back(settings, topics):
    assert create_data_sets(settings, DEMO) == []
    registry = Registry(settings)
    assert {name: each.shards for name, each in registry.data_sets.items()} == {
        "live": 4,
        "history": 4,
    }
    assert len(registry.data_set("live").epoch) == 16
    assert registry.terms("live").at(0).listens_per_slice == 20
    assert registry.terms("history").at(0).slices_per_day == 1
    assert len(registry.catalogue("")) == 0
    assert is_untouched(settings, registry.data_set("live"))
    assert compare_topics(settings.admin(), list(topic_specs(topics, DEMO))) == []


def test_a_topic_with_other_settings_is_named(settings, topics):
    wanted = list(topic_specs(topics, DEMO, brisk=True))
    found = compare_topics(settings.admin(), wanted)
    assert {each.setting for each in found} >= {"segment.ms", "max.compaction.lag.ms"}


def test_a_reader_sees_what_was_committed_and_nothing_else(settings, topics):
    writer = TransactionalWriter(settings, "writer-0")
    with writer.transaction():
        writer.produce(topics.cursors, b"a", b"1")

    def give_up():
        with writer.transaction():
            writer.produce(topics.cursors, b"b", b"2")
            raise RuntimeError("given up")

    with pytest.raises(RuntimeError, match="given up"):
        give_up()
    TransactionalWriter(settings, "writer-0")
    with LogReader(settings, [(topics.cursors, 0)]) as reader:
        assert [(each.key, each.value) for each in reader.to_end()] == [(b"a", b"1")]


def test_reading_to_the_end_waits_for_a_transaction_that_is_open(settings, topics):
    writer = TransactionalWriter(settings, "writer-0")
    seen = []
    with writer.transaction():
        writer.produce(topics.cursors, b"late", b"1")
        writer._producer.flush(10)
        with LogReader(settings, [(topics.cursors, 0)]) as reader:
            assert not reader.at_end

            def read():
                seen.extend(each.key for each in reader.to_end())

            thread = threading.Thread(target=read)
            thread.start()
            time.sleep(1.0)
            assert thread.is_alive()
            writer._producer.commit_transaction(10)
            thread.join(20)
            writer._producer.begin_transaction()
    assert seen == [b"late"]


def test_reading_through_an_offset_does_not_wait_for_the_end(settings, topics):
    writer = TransactionalWriter(settings, "writer-0")
    for number in range(3):
        with writer.transaction():
            writer.produce(topics.cursors, b"%d" % number, b"1")
    pair = (topics.cursors, 0)
    with LogReader(settings, [pair], through={pair: 1}, at_once=1) as reader:
        assert [each.key for each in reader.to_end()] == [b"0"]
        assert reader.at_end


def test_a_successor_fences_its_predecessor(settings, topics):
    first = TransactionalWriter(settings, "writer-0")
    TransactionalWriter(settings, "writer-0")
    with pytest.raises(FatalWriteError, match="process must end"), first.transaction():
        first.produce(topics.cursors, b"zombie", b"1")
    with LogReader(settings, [(topics.cursors, 0)]) as reader:
        assert list(reader.to_end()) == []


def test_records_below_the_log_are_reported_as_lost(settings, topics):
    plain = Producer(settings.client_config())
    for number in range(10):
        plain.produce(topics.dead_letters, str(number), str(number), 0)
    plain.flush(10)
    admin = settings.admin()
    deleted = admin.delete_records([TopicPartition(topics.dead_letters, 0, 5)])
    for future in deleted.values():
        future.result()
    with LogReader(settings, [(topics.dead_letters, 0)]) as reader:
        assert [each.offset for each in reader.to_end()] == [5, 6, 7, 8, 9]
    with pytest.raises(LostRecordsError, match="begins at 5"):
        LogReader(settings, [(topics.dead_letters, 0)], start={(topics.dead_letters, 0): 2})


def test_a_missing_topic_says_what_to_run(settings):
    with pytest.raises(MissingTopicError, match="sottovoce topics create"):
        Registry(settings)


def test_an_unreachable_broker_is_one_sentence():
    with pytest.raises(UnreachableBrokerError, match=r"no Kafka broker answers at 127\.0\.0\.1:1 "):
        KafkaSettings(kafka_bootstrap="127.0.0.1:1").require_broker(timeout=1.0)


def test_an_oversized_record_ends_the_writer(settings, topics):
    writer = TransactionalWriter(settings, "writer-0")
    with pytest.raises((FatalWriteError, KafkaException)), writer.transaction():
        writer.produce(topics.cursors, b"big", bytes(2_000_000))


def test_a_transaction_that_hangs_is_told_and_can_be_ended(broker, settings, topics):
    cells = topics.cells("live")
    writer = Producer(settings.client_config(transactional_id=f"{cells}-hangs"))
    writer.init_transactions(20)
    writer.begin_transaction()
    writer.produce(cells, b"never", b"key", 1)
    assert writer.flush(20) == 0
    over, others = threading.Event(), Producer(settings.client_config())

    def go_on():
        while not over.wait(0.05):
            others.produce(cells, b"meanwhile", b"key", 0)

    thread = threading.Thread(target=go_on)
    thread.start()
    pairs = [(cells, 0), (cells, 1)]
    try:
        # A log that grows beyond its end is no progress.
        with (
            LogReader(settings, pairs, timeout=2.0) as reader,
            pytest.raises(LogError, match=rf"no progress for 2 s: {cells}\[1\] at 0 of 1;"),
        ):
            list(reader.to_end())
        assert hanging_transactions(settings, pairs) == []  # it is not open for long enough
        (found,) = hanging_transactions(settings, pairs, open_ms=1_000)
        assert found == HangingTransaction(cells, 1, 0, found.since_ms)
        end(broker.jars, settings.kafka_bootstrap, found)
        with LogReader(settings, pairs) as reader:
            assert {record.partition for record in reader.to_end()} <= {0}
    finally:
        over.set()
        thread.join()
        others.flush(5)
    assert hanging_transactions(settings, pairs, open_ms=0) == []
