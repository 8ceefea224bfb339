"""Made-up logs, what they amount to, and the oracle: the same without some listeners."""

from __future__ import annotations

import dataclasses

import numpy as np
from tests.made_up_listens import as_messages, contents, indexes, make_listens, message
from tests.unit.consumer.system_without_kafka import TOPICS, SystemWithoutKafka

from sottovoce.data_sets.data_set import HOUR_MS, MINUTE_MS, PROFILES
from sottovoce.data_sets.terms import Terms
from sottovoce.erasure.pseudonyms import halves_of, pseudonym_of
from sottovoce.wire.keys import HEARTBEAT_KEY, retired_key, seal_key
from sottovoce.wire.listens import shard_of, view_listens
from sottovoce.wire.v1 import listen_pb2
from sottovoce_consumer.admission import Admission
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.placing import shards_of

START = 480_000 * HOUR_MS
LIVE = dataclasses.replace(PROFILES["standard"]["live"], shards=2, epoch=b"e" * 16)
HISTORY = dataclasses.replace(PROFILES["standard"]["history"], shards=2, epoch=b"h" * 16)
RULES = {
    "live": Admission(LIVE, (Terms("live", listens_per_slice=3),)),
    "history": Admission(HISTORY, (Terms("history", listens_per_slice=3),)),
}
LISTENERS = 6


def pseudonym_number(number):
    listens = make_listens(0, 2_000, from_ms=0, to_ms=1, listeners=LISTENERS)
    pairs = sorted(set(zip(listens["listener_high"], listens["listener_low"], strict=True)))
    return pseudonym_of(*map(int, pairs[number]))


def make_logs(name, seed, size, retired):
    """Logs of two shards: on time, late, over the bound, misplaced, sealed; each ends with a beat.

    `retired` says after which part of the log each listener is retired, and writes nothing more.
    """
    rng = np.random.default_rng(seed)
    data_set = RULES[name].data_set
    listens = make_listens(
        seed, size, from_ms=START, to_ms=START + 3 * HOUR_MS, listeners=LISTENERS
    )
    ends = listens["end_time_ms"].astype(np.int64)
    append = ends + rng.integers(0, 7 * MINUTE_MS, size)
    order = np.argsort(append)
    listens, append = listens[order], append[order]
    if name == "history":  # several days, in any order
        listens["end_time_ms"] -= (rng.integers(0, 4, size) * 24 * HOUR_MS).astype(np.uint64)
    shards = shards_of(listens["listener_high"], listens["listener_low"], data_set.shards)
    lost = rng.random(size) < 0.03
    shards[lost] = 1 - shards[lost]
    whose = DenyList.of(retired).numbers(listens)
    ended = np.array([int(part * size) for part in retired.values()] + [size])
    retired_ms = [int(append[min(each, size - 1)]) for each in ended]
    listens, append, shards = (
        each[np.arange(size) <= ended[whose]] for each in (listens, append, shards)
    )
    logs = {}
    for shard in range(data_set.shards):
        mine = shards == shard
        rows = [
            (stamp, each.key(), each.value())
            for stamp, each in zip(
                append[mine].tolist(), as_messages(listens[mine], append[mine]), strict=True
            )
        ]
        last = START + 5 * HOUR_MS
        for pseudonym, stamp in zip(retired, retired_ms, strict=False):
            if shard_of(pseudonym, data_set.shards) == shard:
                high, low = halves_of(pseudonym)
                who = listen_pb2.Retired(listener_high=high, listener_low=low)
                value = listen_pb2.Control(retired=who).SerializeToString()
                rows.append((stamp + 1, retired_key(pseudonym), value))
        if name == "history":
            through = START - 2 * 24 * HOUR_MS
            seal = listen_pb2.Control(seal=listen_pb2.Seal(through_ms=through))
            rows.append((START + 2 * HOUR_MS, seal_key(through), seal.SerializeToString()))
        beat = listen_pb2.Control(heartbeat=listen_pb2.Heartbeat()).SerializeToString()
        rows.append((last, HEARTBEAT_KEY, beat))
        rows.sort(key=lambda row: row[0])
        logs[shard] = [
            message(offset, key, value, stamp, shard=shard)
            for offset, (stamp, key, value) in enumerate(rows)
        ]
    return logs


def is_of(each, pseudonyms):
    if each.value() is None or len(each.value()) != 83:
        return False
    listen = view_listens(each.value())
    return (
        pseudonym_of(int(listen["listener_high"][0]), int(listen["listener_low"][0])) in pseudonyms
    )


def never_saw(name, logs, pseudonyms):
    left = {
        shard: [each for each in log if not is_of(each, pseudonyms)] for shard, log in logs.items()
    }
    system = SystemWithoutKafka(RULES[name].data_set, RULES[name], left)
    system.batch(10**6)
    system.committer.commit([])
    return system


def letters(system):
    """The dead letters that compaction leaves."""
    return {
        key: value
        for key, value in dict(system.records(TOPICS.dead_letters)).items()
        if value is not None
    }


def totals(view):
    progress = view.progress
    return progress.admitted, {each.refusal: each.count for each in progress.refused}


def assert_equal(system, oracle):
    for shard in system.logs:
        mine, theirs = system.view(shard), oracle.view(shard)
        assert contents(mine) == contents(theirs)
        assert indexes(mine) == indexes(theirs)
        assert totals(mine) == totals(theirs)


def erased(name="live", *, size=300, who=(0,), part=0.9):
    retired = {pseudonym_number(number): part for number in who}
    logs = make_logs(name, 3, size, retired)
    system = SystemWithoutKafka(RULES[name].data_set, RULES[name], logs)
    return system, logs, list(retired)
