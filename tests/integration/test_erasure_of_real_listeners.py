"""The oracle on the real listening log: 1, 10 and 100 of 120 listeners, in any order and batching.

Among their records are late ones (behind a seal), ones over the bound, and misplaced ones. What the
producer's filters keep out never reaches the log.
"""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from tests.integration.consumer_process import Place
from tests.integration.consumer_without_spark import ConsumerWithoutSpark
from tests.integration.erasing import (
    ask,
    assert_equal,
    compact_quickly,
    dead_letters,
    is_of,
    listeners_of,
    logs_of,
    never_saw,
    real_listeners,
    retire,
    steps,
    until,
)
from tests.made_up_listens import LogWithoutKafka, as_messages, message
from tests.unit.consumer.system_without_kafka import SystemWithoutKafka

from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS, DataSet
from sottovoce.data_sets.terms import Terms
from sottovoce.erasure.book import GONE, TOMBSTONED
from sottovoce.erasure.pseudonyms import halves_of
from sottovoce.local.broker import LocalBroker
from sottovoce.wire.keys import retired_key, seal_key
from sottovoce.wire.listens import Listens, shard_of
from sottovoce.wire.v1 import cell_pb2, listen_pb2
from sottovoce_consumer.admission import Admission
from sottovoce_consumer.placing import shards_of

HISTORY = DataSet(
    "history", by_append_time=False, pane_ms=HOUR_MS, slice_ms=DAY_MS, shards=2, epoch=b"h" * 16
)
TERMS = Terms("history", listens_per_slice=30)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def listens(real_data: Path) -> Listens:
    found = real_listeners(real_data)
    assert len(listeners_of(found)) == 120
    return found


def seal_of(listens: Listens) -> tuple[bytes, bytes]:
    """A seal after which a quarter of what follows is late."""
    through = int(np.quantile(listens["end_time_ms"], 0.25)) // DAY_MS * DAY_MS
    control = listen_pb2.Control(seal=listen_pb2.Seal(through_ms=through))
    return seal_key(through), control.SerializeToString()


def logs_in_memory(listens: Listens, gone: list[bytes]) -> dict[int, list]:
    """The log of each shard: some listens in the wrong one, a seal in the middle, retirements."""
    rng = np.random.default_rng(len(gone))
    shards = shards_of(listens["listener_high"], listens["listener_low"], 2)
    lost = rng.random(len(listens)) < 0.01
    shards[lost] = 1 - shards[lost]
    start = 480_000 * HOUR_MS
    logs = {}
    for shard in range(2):
        mine = listens[shards == shard]
        rows = [(each.key(), each.value()) for each in as_messages(mine, [start] * len(mine))]
        rows.insert(len(rows) // 2, seal_of(listens))
        for pseudonym in gone:
            if shard_of(pseudonym, 2) == shard:
                high, low = halves_of(pseudonym)
                who = listen_pb2.Retired(listener_high=high, listener_low=low)
                value = listen_pb2.Control(retired=who).SerializeToString()
                rows.append((retired_key(pseudonym), value))
        logs[shard] = [
            # A block of the log index is an hour: there are some.
            message(offset, key, value, start + offset * HOUR_MS // 1_500, shard=shard)
            for offset, (key, value) in enumerate(rows)
        ]
    return logs


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("count", [1, 10, 100])
def test_any_order_and_batching_leaves_what_a_run_without_them_leaves(
    listens: Listens, count: int, seed: int
) -> None:
    rng = random.Random(100 * count + seed)
    people = listeners_of(listens)
    rng.shuffle(people)
    gone = people[:count]
    logs = logs_in_memory(listens, gone)
    rules = Admission(HISTORY, (TERMS,))
    system = SystemWithoutKafka(
        HISTORY, rules, logs, deltas_per_base=rng.randint(1, 4), at_once=(2_000, 4_000),
        meanwhile=rng.choice([0, 700]),
    )  # fmt: skip
    waiting = list(gone)
    while waiting:
        system.batch(rng.randint(500, 5_000))
        some = rng.randint(1, max(1, count // 2))
        for pseudonym in waiting[:some]:
            system.ask(pseudonym)
        del waiting[:some]
        if rng.random() < 0.5:
            system.batch(rng.randint(1, 2_000))
            system.rebuilder.rebuild()
    system.batch(10**6)
    system.rebuilder.rebuild()
    system.committer.commit([])
    system.forgetter.forget()
    refused = set()
    for shard, log in logs.items():
        left = [each for each in log if not is_of(each, gone)]
        assert_equal(system.view(shard), LogWithoutKafka(HISTORY, rules, left, shard=shard).run())
        whole = LogWithoutKafka(HISTORY, rules, log, shard=shard).run()
        refused |= {each.refusal for each in whole.progress.refused}
    assert refused == {
        cell_pb2.REFUSAL_LATE, cell_pb2.REFUSAL_OVER_BOUND, cell_pb2.REFUSAL_MISPLACED
    }  # fmt: skip
    states = [system.state(request, shard) for request in system.requests for shard in system.logs]
    assert {state.step for state in states} == {TOMBSTONED}
    # Each of them had about 150; one is in a hundred cells or so.
    assert sum(state.tombstones for state in states) >= 100 * count
    system.append_tombstones()
    assert not any(is_of(each, gone) for log in system.compacted().values() for each in log)


@pytest.mark.parametrize("count", [1, 10, 100])
def test_of_a_real_listening_log_nothing_is_left(
    broker: LocalBroker, topic_prefix: str, listens: Listens, count: int
) -> None:
    place = Place.make(broker.bootstrap, topic_prefix, [HISTORY], [TERMS])
    compact_quickly(place)
    people = listeners_of(listens)
    random.Random(count).shuffle(people)
    gone = people[:count]
    half = len(listens) // 2
    place.send("history", listens[:half])
    consumer = ConsumerWithoutSpark(
        place.settings, deltas_per_base=3, listens_per_batch=4_000, listens_per_task=3_000
    )
    consumer.batch()
    ask(place, gone[: count // 2])
    key, value = seal_of(listens)
    place.send("history", listens[:0], [(shard, key, value) for shard in range(2)])
    place.send("history", listens[half:])
    consumer.run()
    retire(place, gone)
    ask(place, gone[count // 2 :])
    before = logs_of(place, "history")

    def is_done() -> bool:
        consumer.run()
        return steps(place) == {GONE}

    until(is_done)
    views, refused = place.views(), 0
    for shard, oracle in never_saw(place, "history", before, gone).items():
        assert_equal(views["history", shard], oracle)
        refused += sum(each.count for each in oracle.progress.refused)
    assert refused > 0
    assert len(dead_letters(place)) == refused
    left = logs_of(place, "history").values()
    assert not any(is_of(each, gone) for log in left for each in log)
