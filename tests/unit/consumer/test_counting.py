from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
from tests.made_up_listens import (
    LogWithoutKafka,
    as_messages,
    contents,
    make_listens,
    message,
    of_shard,
)

from sottovoce.cells import FIRSTS_OF_ARTIST, FIRSTS_OF_TRACK, PLAYS, SAMPLE_SIZE
from sottovoce.data_sets.data_set import HOUR_MS, MINUTE_MS, PROFILES
from sottovoce.data_sets.terms import Terms
from sottovoce.wire.keys import HEARTBEAT_KEY, seal_key
from sottovoce.wire.listens import COUNTRY_KNOWN, FIRST_OF_ARTIST, FIRST_OF_TRACK, listen_keys
from sottovoce.wire.v1 import cell_pb2, listen_pb2
from sottovoce_consumer.admission import Admission

START = 480_000 * HOUR_MS
LIVE = dataclasses.replace(PROFILES["standard"]["live"], shards=2, epoch=b"e" * 16)
HISTORY = dataclasses.replace(PROFILES["standard"]["history"], shards=1, epoch=b"h" * 16)
RULES = Admission(LIVE, (Terms("live", listens_per_slice=3),))
OLD_RULES = Admission(HISTORY, (Terms("history", listens_per_slice=200),))


def live_log(seed=1, size=4_000):
    listens = of_shard(make_listens(seed, size, from_ms=START, to_ms=START + 3 * HOUR_MS), 0, 2)
    listens = listens[np.argsort(listens["end_time_ms"])]
    append = listens["end_time_ms"].astype(np.int64) + np.arange(len(listens)) % (7 * MINUTE_MS)
    return listens, append


def test_cells_are_what_a_naive_count_finds():
    listens, append = live_log()
    log = LogWithoutKafka(LIVE, RULES, as_messages(listens, append))
    view = log.run([300, 1_000, 1_001])
    admitted = listens[
        (listens["ordinal"] < 3) & (append - listens["end_time_ms"].astype(np.int64) <= 300_000)
    ]
    assert 0 < len(admitted) < len(listens)
    assert view.progress.admitted == len(admitted)
    plays, firsts, artists = Counter(), Counter(), Counter()
    countries, arrivals, crowd = Counter(), Counter(), {}
    for listen in admitted:
        end = int(listen["end_time_ms"])
        at = end - end % HOUR_MS
        pane = (end - at) // MINUTE_MS
        track = (at, pane, int(listen["track_low"]))
        plays[track] += 1
        firsts[track] += bool(listen["flags"] & FIRST_OF_TRACK)
        artists[track] += bool(listen["flags"] & FIRST_OF_ARTIST)
        known = int(listen["country"]) if listen["flags"] & COUNTRY_KNOWN else 0
        countries[at, pane, known] += 1
        arrivals[at, pane, 0] += int(listen["ordinal"] == 0)
        crowd.setdefault(at, set()).add(int(listen["listener_high"]))
    for start, cell in view.cells.items():
        content = cell.content()

        def rows(counts, column=0, start=start):
            triples = zip(counts.groups, counts.keys, counts.counts[:, column], strict=True)
            return {(start, int(g), int(k)): int(c) for g, k, c in triples if c}

        def mine(counter, start=start):
            return {place: count for place, count in counter.items() if place[0] == start and count}

        assert rows(content.plays, PLAYS) == mine(plays)
        assert rows(content.plays, FIRSTS_OF_TRACK) == mine(firsts)
        assert rows(content.plays, FIRSTS_OF_ARTIST) == mine(artists)
        assert rows(content.countries) == mine(countries)
        assert rows(content.arrivals) == mine(arrivals)
        assert content.listeners.estimate().contains(len(crowd[start]))
        in_slice = admitted[admitted["end_time_ms"].astype(np.int64) // HOUR_MS * HOUR_MS == start]
        ranks = sorted(int(each["event_high"]) << 64 | int(each["event_low"]) for each in in_slice)
        assert content.sample.ranks == ranks[:SAMPLE_SIZE]
        by_rank = {int(each["event_high"]): each for each in in_slice}
        for rank, sampled in zip(content.sample.ranks, content.sampled_listens(), strict=True):
            truth = by_rank[rank >> 64]
            assert all(sampled[name] == truth[name] for name in sampled.dtype.names)


def test_what_is_no_listen_is_told_apart():
    listens, append = live_log(size=40)
    messages = as_messages(listens, append)
    key = listen_keys(listens)[0]
    newer = (
        listen_pb2.Listen.FromString(listens[:1].tobytes()).SerializeToString() + b"\x98\x06\x01"
    )
    odd = [
        (HEARTBEAT_KEY, listen_pb2.Control(heartbeat=listen_pb2.Heartbeat()).SerializeToString()),
        (key, None),
        (key, newer),
        (b"nonsense", b"\xff" * 83),
        (b"", b""),
        (b"garbage", b"\xff" * 5_000),
        (b"\0from a newer version", b""),
        (key, listens[:1].tobytes()[:-5]),
    ]
    size = len(messages)
    messages += [message(size + at, *each, int(append[0])) for at, each in enumerate(odd)]
    log = LogWithoutKafka(LIVE, RULES, messages)
    view = log.run()
    letters = [cell_pb2.DeadLetter.FromString(each) for each in log.dead]
    malformed = [each for each in letters if each.refusal == cell_pb2.REFUSAL_MALFORMED]
    assert [each.offset - size for each in malformed] == [3, 4, 5, 6, 7]
    assert [each.detail for each in malformed] == [
        "83 bytes that are no protobuf message",
        "a message of 0 bytes without the field listener_high",
        "5000 bytes that are no protobuf message",
        "a control record of a kind that this version doesn't know",
        "a message of 78 bytes without the field ordinal",
    ]
    assert (len(malformed[2].value), malformed[2].value_size) == (1_024, 5_000)
    total = view.progress.admitted + sum(each.count for each in view.progress.refused)
    # Neither the heartbeat nor the tombstone is a listen; the newer message is one.
    assert total == len(messages) - 2
    assert view.progress.next_offset == len(messages)


def test_odd_records_among_usual_ones_change_nothing_for_those():
    listens, append = live_log(size=200)
    plain = LogWithoutKafka(LIVE, RULES, as_messages(listens, append)).run()
    mixed = []
    for record in as_messages(listens, append):
        mixed.append(message(len(mixed), record.key(), record.value(), record.timestamp()[1]))
        mixed.append(message(len(mixed), b"junk", b"junk", record.timestamp()[1]))
    log = LogWithoutKafka(LIVE, RULES, mixed)
    assert contents(log.run([17, 90])) == contents(plain)


@pytest.mark.parametrize("cuts", [[], [1], [40], [40, 41], [5, 45, 80]])
def test_a_listen_behind_a_seal_that_covers_it_is_late(cuts):
    day = HISTORY.slice_ms
    listens = make_listens(3, 80, from_ms=20_000 * day, to_ms=20_002 * day)
    messages = as_messages(listens, np.full(80, START))
    seal = listen_pb2.Control(seal=listen_pb2.Seal(through_ms=20_001 * day)).SerializeToString()
    behind = [message(each.offset() + 1, each.key(), each.value(), START) for each in messages[40:]]
    messages = [*messages[:40], message(40, seal_key(20_001 * day), seal, START), *behind]
    view = LogWithoutKafka(HISTORY, OLD_RULES, messages).run(cuts, chunk=7)
    late = sum(int(each) < 20_001 * day for each in listens["end_time_ms"][40:])
    assert view.progress.admitted == 80 - late
    assert [(each.refusal, each.count) for each in view.progress.refused] == [
        (cell_pb2.REFUSAL_LATE, late)
    ]
    assert view.complete_through_ms == 20_001 * day
    assert [(each.offset, each.through_ms) for each in view.progress.seals] == [(40, 20_001 * day)]


def test_heartbeats_alone_complete_panes():
    beat = listen_pb2.Control(heartbeat=listen_pb2.Heartbeat()).SerializeToString()
    messages = [message(0, HEARTBEAT_KEY, beat, START + 5 * MINUTE_MS + LIVE.clock_guard_ms)]
    view = LogWithoutKafka(LIVE, RULES, messages).run()
    assert view.complete_through_ms == START
    assert view.cells == {}
    assert view.index == {}


def test_a_flood_of_dead_letters_is_kept_short():
    bad = [message(at, b"key", b"\xff" * 2_000, START) for at in range(1_200)]
    log = LogWithoutKafka(LIVE, RULES, bad)
    log.run()
    sizes = [len(cell_pb2.DeadLetter.FromString(each).value) for each in log.dead]
    assert sizes == [1_024] * 1_000 + [128] * 200
