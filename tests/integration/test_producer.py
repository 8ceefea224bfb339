"""The writer on a real broker: what it takes, what it cuts, what it remembers."""

import dataclasses
import sys
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from sottovoce.client.settings import CallerSettings
from sottovoce.data_sets import PROFILES, Terms
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS, DataSetError
from sottovoce.kafka import KafkaSettings, LogReader, Topics, TransactionalWriter
from sottovoce.kafka.errors import FatalWriteError
from sottovoce.wire.keys import seal_key
from sottovoce.wire.v1 import data_set_pb2, listen_pb2
from sottovoce_producer.assembly import assemble
from sottovoce_producer.counts import outcomes
from sottovoce_producer.errors import ProducerError, VaultError, WriterStoppedError
from sottovoce_producer.hand_over import RunningProducer, open_sink
from sottovoce_producer.rpc import Door
from sottovoce_producer.settings import HandOverSettings, RunSettings
from sottovoce_producer.vault_keys import VaultKeys

sys.path.insert(0, str(Path(__file__).parent))
from producer_log import batch, check_log, read_log, row, run_producer, writer_settings

SHARDS = 3
LIVE = dataclasses.replace(PROFILES["standard"]["live"], shards=SHARDS)
HISTORY = dataclasses.replace(PROFILES["standard"]["history"], shards=SHARDS)
# The brokers' clock is the real one, and a writer reads back by it: so not in the future.
NOON = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 12 * HOUR_MS


class Clock:
    """A writer's clock that stands at noon until it is moved."""

    def __init__(self):
        self.now = NOON

    def __call__(self):
        return self.now


@pytest.fixture
def settings(broker, topic_prefix):
    found = KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)
    terms = [
        Terms("live", listens_per_slice=3, slices_per_day=2),
        Terms("history", listens_per_slice=4, slices_per_day=1),
    ]
    create_data_sets(found, [LIVE, HISTORY], terms)
    return found


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def open_assembly(settings, clock):
    """Open writers one after the other; the one before is fenced."""
    opened = []

    def open_(**more):
        opened.append(assemble(writer_settings(settings, **more), clock))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def open_writer(open_assembly):
    return lambda **more: open_assembly(**more).writer


def write(writer, rows, **more):
    return outcomes(writer.write(batch(rows, **more)))


def test_listens_stand_in_their_shards_in_the_order_of_writing(settings, open_writer):
    writer = open_writer()
    rows = [row(f"a{number % 40}", f"T{number % 7}", NOON - number) for number in range(100)]
    assert write(writer, rows) == {"taken": 100}
    written = read_log(settings, "live", SHARDS)
    assert len(written.values) == 100
    check_log(written, LIVE.slice_ms, SHARDS)
    assert len(set(written.shards.values())) == SHARDS


def test_every_play_is_accounted_for(settings, open_writer, clock):
    writer = open_writer(filters={"min_ms_played": 1_000})
    clock.now += 60_000
    rows = [
        row("a", "T", NOON),
        row("a", "T", NOON),
        row("a", "U", NOON + 1),
        row("a", "V", NOON + 2),
        row("a", "W", NOON + 3),
        row("a", "X", NOON - 5 * 60_000),
        row("a", "X", NOON + 121_000),
        row("a", "Y", NOON, ms_played=999),
        row("", "Z", NOON),
    ]
    assert write(writer, rows) == {
        "taken": 3,
        "duplicate": 1,
        "over_listens_per_slice": 1,
        "too_late": 1,
        "future": 1,
        "malformed": 1,
        "filtered: min_ms_played": 1,
    }
    check_log(read_log(settings, "live", SHARDS), LIVE.slice_ms, SHARDS)


def test_too_late_for_live_goes_to_history_where_wanted(settings, open_writer):
    writer = open_writer(late_to_history=True)
    counts = writer.write(batch([row("a", "T", NOON), row("a", "T", NOON - 2 * DAY_MS)]))
    assert (counts.taken, counts.rerouted, counts.too_late) == (2, 1, 0)
    assert len(read_log(settings, "live", SHARDS).values) == 1
    assert len(read_log(settings, "history", SHARDS).values) == 1


def test_a_restart_remembers_all_that_decides(settings, open_writer, clock):
    first = open_writer()
    rows = [row("a", "T", NOON + 1), row("a", "T", NOON + 2), row("b", "S", NOON + 3)]
    old = [row("a", "T", NOON - 400 * DAY_MS), row("a", "T", NOON - 400 * DAY_MS + 1)]
    write(first, rows, cursor=b"one")
    write(first, old, data_set="history", source="h", cursor=b"two")
    second = open_writer()
    assert second.cursor("s") == b"one"
    assert second.cursor("h") == b"two"
    assert second.cursor("other") is None
    assert write(second, rows) == {"duplicate": 3}
    assert write(second, old, data_set="history") == {"duplicate": 2}
    more = [row("a", "T", NOON + 4), row("a", "T", NOON + 5), row("b", "S2", NOON + 6)]
    assert write(second, more) == {"taken": 2, "over_listens_per_slice": 1}
    clock.now += HOUR_MS
    assert write(open_writer(), [row("a", "T", clock.now)]) == {"taken": 1}
    clock.now += HOUR_MS
    assert write(open_writer(), [row("a", "T", clock.now), row("b", "T", clock.now)]) == {
        "taken": 1,
        "over_slices_per_day": 1,
    }
    check_log(read_log(settings, "live", SHARDS), LIVE.slice_ms, SHARDS)
    check_log(read_log(settings, "history", SHARDS), HISTORY.slice_ms, SHARDS)


def test_pseudonyms_are_random_and_kept_in_the_vault(settings, clock, tmp_path):
    VaultKeys.create().save(tmp_path / "key")
    more = {"vault_key_file": tmp_path / "key"}
    plain = writer_settings(settings, **more).model_copy(update={"pseudonym_seed": None})
    seen = set()
    for number in range(2):
        assembly = assemble(plain, clock)
        assembly.writer.write(batch([row("me@example.org", "T", NOON + number)]))
        assembly.close()
    seen = {key[:16] for key in read_log(settings, "live", SHARDS).values}
    assert len(seen) == 1
    topics = Topics(settings.kafka_topic_prefix)
    for topic in (topics.vault, topics.cursors):
        with LogReader(settings, [(topic, 0)]) as reader:
            for record in reader.to_end():
                assert b"example" not in record.key + (record.value or b"")
    VaultKeys.create().save(tmp_path / "other")
    with pytest.raises(VaultError, match="sealed under the key"):
        assemble(plain.model_copy(update={"vault_key_file": tmp_path / "other"}), clock)


def test_a_track_that_no_catalogue_has_is_told_once(settings, open_writer):
    writer = open_writer()
    write(writer, [row("a", "T", NOON), row("b", "T", NOON), row("b", "U", NOON + 1)])
    write(open_writer(), [row("c", "T", NOON), row("c", "V", NOON)])
    names = []
    with LogReader(settings, [(Topics(settings.kafka_topic_prefix).tracks, 0)]) as reader:
        for record in reader.to_end():
            name = data_set_pb2.TrackName.FromString(record.value)
            assert record.key == name.track_high.to_bytes(8, "big") + name.track_low.to_bytes(
                8, "big"
            )
            names.append(name.title)
    assert sorted(names) == ["T", "U", "V"]


def test_nothing_that_is_sealed_is_written(settings, open_writer):
    writer = open_writer()
    day = HISTORY.slice_of(NOON - 10 * DAY_MS)
    old, new = row("a", "T", day - 5), row("a", "T", day + 5)
    assert write(writer, [old, new], data_set="history") == {"taken": 2}
    administrator = TransactionalWriter(settings, "administrator")
    topic = Topics(settings.kafka_topic_prefix).listens("history")
    seal = listen_pb2.Control(seal=listen_pb2.Seal(through_ms=day, sealed_at_ms=1))
    with administrator.transaction():
        for shard in range(SHARDS):
            administrator.produce(topic, seal_key(day), seal.SerializeToString(), partition=shard)
    deadline = time.monotonic() + 60
    while (found := write(writer, [old, new], data_set="history")) != {
        "too_late": 1,
        "duplicate": 1,
    }:
        assert found == {"duplicate": 2}
        assert time.monotonic() < deadline
        time.sleep(0.05)
    again = write(open_writer(), [old, new, row("b", "U", day - 1)], data_set="history")
    assert again == {"too_late": 2, "duplicate": 1}


def test_each_writer_takes_its_own_accounts_and_keeps_its_own_cursor(settings, open_writer):
    rows = [row(f"a{number}", "T", NOON) for number in range(60)]
    for index in range(2):
        writer = open_writer(writers=2, writer_index=index)
        assert writer.cursor("s") is None
        counts = writer.write(batch(rows, cursor=b"end"))
        assert counts.taken + counts.foreign == 60
        assert counts.taken > 10
        assert writer.cursor("s") == b"end"
    assert len(read_log(settings, "live", SHARDS).values) == 60


def test_a_second_writer_of_the_same_index_ends_the_first(open_writer):
    first, second = open_writer(), open_writer()
    with pytest.raises(FatalWriteError):
        write(first, [row("a", "T", NOON)])
    with pytest.raises(WriterStoppedError):
        write(first, [row("a", "T", NOON)])
    assert write(second, [row("a", "T", NOON)]) == {"taken": 1}


def test_plays_for_no_data_set_are_refused_and_the_writer_goes_on(open_writer):
    writer = open_writer()
    with pytest.raises(DataSetError, match="there are: history, live"):
        write(writer, [row("a", "T", NOON)], data_set="lively")
    assert write(writer, [row("a", "T", NOON)]) == {"taken": 1}


def test_a_running_producer_takes_plays_of_other_processes(settings, open_assembly):
    assembly = open_assembly()
    door = Door(assembly.writer, assembly.accounts, RunSettings(rpc_port=0), CollectorRegistry())
    running = RunningProducer(door.address, CallerSettings())
    try:
        assert running.answers()
        assert running.cursor("s") is None
        rows = [row("a", "T", NOON, ms_played=5, skipped=True, country="SE"), row("b", "T", NOON)]
        assert outcomes(running.write(batch(rows, cursor=b"c"))) == {"taken": 2}
        assert outcomes(running.write(batch(rows, cursor=b"d"))) == {"duplicate": 2}
        assert running.cursor("s") == b"d"
        with pytest.raises(ProducerError, match="no data set 'lively'"):
            running.write(batch(rows, data_set="lively"))
        listens = read_log(settings, "live", SHARDS).listens
        assert sorted(listens["ms_played"].tolist()) == [0, 5]
    finally:
        running.close()
        door.close()
    assert not RunningProducer(door.address, CallerSettings()).answers()


def test_where_no_producer_runs_one_can_be_insisted_on(settings):
    asked = HandOverSettings(
        kafka_bootstrap=settings.kafka_bootstrap, rpc_target="127.0.0.1:1", hand_over="always"
    )
    with pytest.raises(ProducerError, match="no producer answers"), open_sink(asked):
        pass


def test_the_command_says_what_is_wrong_in_one_sentence(settings, tmp_path):
    nowhere = settings.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
    code, _, err = run_producer(nowhere, "run")
    assert code == 1
    assert err.count("\n") == 1
    assert "no Kafka broker answers at 127.0.0.1:1" in err
    other = settings.model_copy(update={"kafka_topic_prefix": "none-such."})
    code, _, err = run_producer(other, "run")
    assert code == 1
    assert "sottovoce topics create" in err
    code, _, err = run_producer(settings, "log", tmp_path / "none.csv")
    assert (code, err.count("\n")) == (1, 1)
    code, _, err = run_producer(settings, "run", "--writers=2", "--writer-index=2")
    assert code == 1
    assert "must be below" in err
