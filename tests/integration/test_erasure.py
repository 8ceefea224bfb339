"""Erasures on a real broker: the oracle, crashes, compaction."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.integration import consumer_without_spark
from tests.integration.consumer_process import ConsumerProcess, Place
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
    read_erasures,
    refs_of,
    retire,
    steps,
)
from tests.made_up_listens import contents, make_listens

from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS, SECOND_MS, DataSet
from sottovoce.data_sets.terms import Terms
from sottovoce.erasure.book import GONE, REBUILT, TOMBSTONED
from sottovoce.local.broker import LocalBroker
from sottovoce.wire.keys import seal_key
from sottovoce.wire.v1 import listen_pb2

LIVE = DataSet(
    "live",
    by_append_time=True,
    pane_ms=2 * SECOND_MS,
    slice_ms=10 * SECOND_MS,
    shards=3,
    log_retention_ms=7 * DAY_MS,
    cell_retention_ms=6 * DAY_MS,
    clock_guard_ms=0,
)
HISTORY = DataSet("history", by_append_time=False, pane_ms=HOUR_MS, slice_ms=DAY_MS, shards=2)
TERMS = (
    Terms("live", lateness_ms=25 * SECOND_MS, future_ms=5 * SECOND_MS, listens_per_slice=3),
    Terms("history", listens_per_slice=200),
)

pytestmark = pytest.mark.timeout(900)  # compaction, and several starts, on a machine that is busy


@pytest.fixture
def place(broker: LocalBroker, topic_prefix: str) -> Place:
    made = Place.make(broker.bootstrap, topic_prefix, [LIVE, HISTORY], TERMS)
    compact_quickly(made)
    return made


def send_all_kinds(place: Place, seed: int, size: int, *, seal: bool = True):
    """Listens of both data sets: on time, late, from the future, over the bound, sealed."""
    now = time.time_ns() // 1_000_000
    live = make_listens(seed, size, from_ms=now - 9_000, to_ms=now, listeners=30)
    live["end_time_ms"][::17] -= np.uint64(HOUR_MS)
    live["end_time_ms"][::23] += np.uint64(DAY_MS)
    place.send("live", live)
    first = (now // DAY_MS - 40) * DAY_MS
    old = make_listens(seed + 1, size, from_ms=first, to_ms=first + 9 * DAY_MS, listeners=30)
    place.send("history", old[: size // 2])
    if seal:  # once: a second one under the same key would let compaction take the first
        through = first + 3 * DAY_MS
        value = listen_pb2.Control(seal=listen_pb2.Seal(through_ms=through)).SerializeToString()
        for shard in range(HISTORY.shards):
            place.send("history", old[:0], [(shard, seal_key(through), value)])
    place.send("history", old[size // 2 :])
    return live, old


def assert_forgotten(place: Place, before, pseudonyms) -> None:
    """All equals a run over the log that it was before, without these listeners' records."""
    views = place.views()
    for name, logs in before.items():
        oracle = never_saw(place, name, logs, pseudonyms)
        for shard, view in oracle.items():
            assert_equal(views[name, shard], view)
    left = dead_letters(place)
    wanted = sum(
        sum(each.count for each in view.progress.refused)
        for name, logs in before.items()
        for view in never_saw(place, name, logs, pseudonyms).values()
    )
    assert len(left) == wanted
    assert not [each for each in left if any(who in each.value for who in halves(pseudonyms))]


def halves(pseudonyms):
    """The bytes that a listen's value has of each pseudonym."""
    return [b"\x09" + who[:8][::-1] + b"\x11" + who[8:][::-1] for who in pseudonyms]


def test_a_running_consumer_forgets_listeners_and_sees_them_gone(
    place: Place, tmp_path: Path
) -> None:
    live, _ = send_all_kinds(place, 1, 3_000)
    small = ("--max-listens-per-batch=2000", "--max-listens-per-task=700", "--deltas-per-base=4")
    with ConsumerProcess(place, tmp_path, *small, "--erasure-check-seconds=1") as consumer:
        gone = listeners_of(live)[:10]
        consumer.wait_until(lambda: has_read_all(place))
        asked = ask(place, gone[:4])
        # The erased go on listening until they are retired.
        send_all_kinds(place, 11, 2_000, seal=False)
        retire(place, gone)
        asked += ask(place, gone[4:])
        assert ask(place, gone[:1])[0].erasure == asked[0].erasure  # it is under way
        consumer.wait_until(lambda: min(steps(place)) >= REBUILT)
        consumer.wait_until(lambda: has_read_all(place))
        before = {name: logs_of(place, name) for name in place.data_sets}
        consumer.wait_until(lambda: steps(place) == {GONE})
        assert consumer.end() == 0, consumer.output
    assert_forgotten(place, before, gone)
    after = {name: logs_of(place, name) for name in place.data_sets}
    assert not any(
        is_of(each, gone) for logs in after.values() for log in logs.values() for each in log
    )
    for name, logs in after.items():
        for shard, view in never_saw(place, name, logs).items():
            assert contents(view) == contents(place.views()[name, shard])
    book = read_erasures(place)
    for request in asked:
        states = [book.state(request.erasure, ref) for ref in refs_of(place)]
        assert sum(state.admitted for state in states) > 0
        assert sum(state.tombstones for state in states) >= sum(state.admitted for state in states)
        assert all(state.gone_at_ms for state in states)


def test_where_nothing_comes_any_more_a_batch_is_planned_for_the_request_alone(
    place: Place, tmp_path: Path
) -> None:
    _, old = send_all_kinds(place, 3, 500)
    listener = listeners_of(old)[0]
    retire(place, [listener])
    before = {"history": logs_of(place, "history")}
    refs = [ref for ref in refs_of(place) if ref[0] == "history"]
    alone = ("--data-sets=history", "--erasure-check-seconds=1")
    with ConsumerProcess(place, tmp_path, *alone) as consumer:
        consumer.wait_until(lambda: all(place.views()[ref].progress is not None for ref in refs))
        time.sleep(3.0)  # no batch follows: nothing came
        (request,) = ask(place, [listener])
        consumer.wait_until(lambda: read_erasures(place).step(request.erasure, refs) == GONE)
        assert consumer.end() == 0, consumer.output
    for shard, view in never_saw(place, "history", before["history"], [listener]).items():
        assert_equal(place.views()["history", shard], view)


def has_read_all(place: Place) -> bool:
    """Whether every listen that is there was counted; heartbeats come on and on."""
    views = place.views()
    return all(
        view.progress is not None
        and view.progress.next_offset
        > max((each.offset() for each in place.log(*ref) if len(each.key()) == 32), default=-1)
        for ref, view in views.items()
    )


def test_killed_before_any_record_of_an_erasure_it_goes_on_and_all_is_equal(place: Place) -> None:
    live, _ = send_all_kinds(place, 2, 700)
    ConsumerWithoutSpark(place.settings, listens_per_batch=300).run()
    gone = listeners_of(live)[:3]
    ask(place, gone[:1])
    send_all_kinds(place, 12, 200, seal=False)
    retire(place, gone)
    ask(place, gone[1:])
    before = {name: logs_of(place, name) for name in place.data_sets}
    program = consumer_without_spark.__file__
    breaths = [0, 3, *random.sample(range(5, 150), 6), -1, 4, -1]
    for breath in breaths:
        done = subprocess.run(
            [
                sys.executable,
                program,
                place.settings.kafka_bootstrap,
                place.settings.kafka_topic_prefix,
                str(breath),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
    assert min(steps(place)) >= TOMBSTONED, breaths
    assert_forgotten(place, before, gone)


def test_a_hundred_at_once_share_one_replay(place: Place) -> None:
    now = time.time_ns() // 1_000_000
    first = (now // DAY_MS - 30) * DAY_MS
    listens = make_listens(
        7, 20_000, from_ms=first, to_ms=first + 5 * DAY_MS, listeners=300, tracks=2_000
    )
    place.send("history", listens)
    consumer = ConsumerWithoutSpark(
        place.settings, deltas_per_base=4, listens_per_batch=6_000, listens_per_task=5_000
    )
    consumer.run()
    before = {"history": logs_of(place, "history")}
    gone = listeners_of(listens)[:100]
    retire(place, gone)
    ask(place, gone)
    while len(consumer.committer.erasures.denied()) < len(gone):  # learns of all
        consumer.eraser.turn(0.1)
    consumer.batch()  # denies all
    consumer.eraser.turn()
    assert min(steps(place)) >= TOMBSTONED
    consumer.run()
    assert_forgotten(place, before, gone)
