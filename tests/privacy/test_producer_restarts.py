"""Attacks on the bounds by a producer that ends and starts again: on a real broker.

Each attack is made twice: against the producer as it is, and against one whose defence was taken
away, where it must succeed.
"""

from __future__ import annotations

import dataclasses
import random
import time

import pytest
from tests.integration.producer_log import batch, check_log, read_log, row, writer_settings

from sottovoce.data_sets import PROFILES, Terms
from sottovoce.data_sets.creation import create_data_sets
from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS
from sottovoce.kafka import KafkaSettings
from sottovoce_producer import assembly as assembling
from sottovoce_producer import recovery
from sottovoce_producer.counts import outcomes
from sottovoce_producer.listen_log import ListenLog

SHARDS = 3
C = 4
DATA_SETS = [dataclasses.replace(each, shards=SHARDS) for each in PROFILES["standard"].values()]
LIVE = next(each for each in DATA_SETS if each.name == "live")
# In mid slice, and not in the future: the brokers have the real clock, and a start reads by it.
NOW = time.time_ns() // 1_000_000 // DAY_MS * DAY_MS - 12 * HOUR_MS + HOUR_MS // 2


class KilledError(BaseException):
    """The process ends here."""


class Producer:
    """A producer that can be ended at any instant; its clock is the test's."""

    def __init__(self, settings):
        self.settings = writer_settings(settings)
        self.now_ms = NOW
        self.assembly = None
        self.restart()

    def restart(self):
        """Begin anew, as after kill -9: without a goodbye from the one before."""
        if self.assembly is not None:
            self.assembly.close()
        self.assembly = assembling.assemble(self.settings, lambda: self.now_ms)

    def write(self, rows, **more):
        return outcomes(self.assembly.writer.write(batch(rows, **more)))

    def listens(self, data_set="live"):
        return read_log(self.settings, data_set, SHARDS)


@pytest.fixture
def producer(broker, topic_prefix):
    settings = KafkaSettings(kafka_bootstrap=broker.bootstrap, kafka_topic_prefix=topic_prefix)
    create_data_sets(settings, DATA_SETS, [Terms("live", listens_per_slice=C), Terms("history")])
    started = Producer(settings)
    yield started
    started.assembly.close()


@pytest.fixture
def forgetful(monkeypatch):
    """Take the defence away: a start reads no listens back."""
    restore = recovery._restore_chunk

    def none(values, *rest):
        restore([], *rest)

    monkeypatch.setattr(recovery, "_restore_chunk", none)


def contributions_over_a_restart(producer):
    """How many listens one listener gets into one slice by a restart in its middle."""
    producer.write([row("a", "T", NOW - number) for number in range(C)])
    producer.restart()
    producer.write([row("a", "T", NOW + 1 + number) for number in range(C)])
    return len(producer.listens().values)


def test_a_restart_in_mid_slice_gives_nobody_a_second_c(producer):
    assert contributions_over_a_restart(producer) == C


def test_without_reading_back_a_restart_would_give_a_second_c(producer, forgetful):
    assert contributions_over_a_restart(producer) == 2 * C


def hand_over_in_disorder(producer, seed):
    """Hand plays over in overlapping, repeated batches, with restarts between them."""
    chance = random.Random(seed)
    rows = [
        row(f"a{chance.randrange(6)}", f"T{chance.randrange(5)}", NOW - chance.randrange(200_000))
        for _ in range(120)
    ]
    for _ in range(12):
        at = chance.randrange(len(rows))
        producer.write(rows[at : at + 40])
        if chance.random() < 0.4:
            producer.restart()


@pytest.mark.parametrize("seed", range(2))
def test_ordinals_have_no_gap_and_no_double_over_replays_and_restarts(producer, seed):
    hand_over_in_disorder(producer, seed)
    written = producer.listens()
    check_log(written, LIVE.slice_ms, SHARDS)
    assert len(written.values) > 10


def test_without_reading_back_ordinals_would_be_doubled(producer, forgetful):
    hand_over_in_disorder(producer, 0)
    with pytest.raises(AssertionError, match="a listen stands twice"):
        check_log(producer.listens(), LIVE.slice_ms, SHARDS)


STEPS = ("the first record", "the last record", "before the commit", "after the commit")


def kill_at(monkeypatch, step):
    """End the process at a step of its next transaction."""
    produce, transaction = ListenLog.produce, ListenLog.transaction
    seen = 0

    def produced(self, topic, *arguments, **more):
        nonlocal seen
        produce(self, topic, *arguments, **more)
        seen += 1
        last = topic.endswith("cursors") and arguments[0].startswith(b"resting/")
        if (step == STEPS[0] and seen == 1) or (step == STEPS[1] and last):
            raise KilledError

    class Ending:
        def __init__(self, log):
            self.inner = transaction(log)

        def __enter__(self):
            return self.inner.__enter__()

        def __exit__(self, *raised):
            if step == STEPS[2] and raised[0] is None:
                raise KilledError
            answer = self.inner.__exit__(*raised)
            if step == STEPS[3]:
                raise KilledError
            return answer

    monkeypatch.setattr(ListenLog, "produce", produced)
    monkeypatch.setattr(ListenLog, "transaction", lambda log: Ending(log))


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_of_forgetting_all_of_it_holds_or_none(producer, monkeypatch, step):
    producer.write([row("a", "T", NOW), row("b", "T", NOW)])
    accounts = producer.assembly.accounts
    pseudonym = accounts.resolve("a")
    with monkeypatch.context() as killing:
        kill_at(killing, step)
        with pytest.raises(KilledError):
            accounts.forget("a")
    producer.restart()
    if step == STEPS[3]:
        assert producer.assembly.accounts.resolve("a") != pseudonym
        assert producer.write([row("a", "T", NOW)]) == {"resting": 1}
    else:
        assert producer.assembly.accounts.resolve("a") == pseudonym
        assert producer.write([row("a", "T", NOW)]) == {"duplicate": 1}
    assert producer.write([row("b", "T", NOW)]) == {"duplicate": 1}


def second_contribution(producer):
    """Whether somebody who is erased, and comes back over a restart, is twice in a slice."""
    producer.write([row("a", "T", NOW - number) for number in range(C)])
    # The seed would give the same pseudonym again, whose listens are known: a random one is not.
    producer.assembly.accounts.forget("a")
    producer.restart()
    producer.assembly.writer.state.listeners._make_pseudonym = lambda _: (1, 2)
    producer.write([row("a", "T", NOW + number) for number in range(C)])
    return len({key[:16] for key in producer.listens().values}) == 2


def test_nobody_comes_back_within_the_slice_by_way_of_a_restart(producer):
    assert not second_contribution(producer)


def test_without_reading_rests_back_somebody_would(producer, monkeypatch):
    monkeypatch.setattr(recovery, "RESTING_PREFIX", b"no such record")
    assert second_contribution(producer)


def test_a_rest_is_over_after_a_restart_too_and_its_record_goes(producer):
    producer.write([row("a", "T", NOW)])
    until_ms = producer.assembly.accounts.forget("a")
    producer.now_ms = until_ms
    producer.restart()
    assert producer.write([row("a", "T", until_ms)]) == {"taken": 1}
    assert len(producer.assembly.writer.state.listeners.resting) == 0
    producer.restart()
    assert len(producer.assembly.writer.state.listeners.resting) == 0
