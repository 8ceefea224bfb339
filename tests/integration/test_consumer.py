"""The consumer on real Spark and a real broker."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import TopicPartition
from tests.integration import consumer_without_spark
from tests.integration.consumer_process import ConsumerProcess, Place
from tests.made_up_listens import make_listens

from sottovoce.data_sets.data_set import DAY_MS, HOUR_MS, SECOND_MS, DataSet
from sottovoce.data_sets.terms import Terms
from sottovoce.kafka import LogReader
from sottovoce.local.broker import LocalBroker
from sottovoce.local.ports import free_port
from sottovoce.wire.keys import seal_key
from sottovoce.wire.listens import Listens
from sottovoce.wire.v1 import cell_pb2, listen_pb2
from sottovoce_consumer.placing import shards_of
from sottovoce_consumer.recovery import open_books

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

SLOW_ONCE = """
import pathlib, sys, time
if "streaming_source_runner" in "".join(sys.orig_argv):
    try:
        pathlib.Path(__file__).with_name("begun").touch(exist_ok=False)
    except FileExistsError:
        pass
    else:
        time.sleep(12)
"""
"""Has the first Python process of Spark's query take longer to begin than Spark waits: 10 s."""

pytestmark = pytest.mark.timeout(900)  # several starts of Spark, on a machine that may be busy


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def fresh(seed: int, size: int) -> Listens:
    """Listens that ended in the last ten seconds."""
    now = now_ms()
    return make_listens(seed, size, from_ms=now - 10_000, to_ms=now, listeners=200)


@pytest.fixture
def place(broker: LocalBroker, topic_prefix: str) -> Place:
    return Place.make(broker.bootstrap, topic_prefix, [LIVE, HISTORY], TERMS)


def test_what_goes_in_comes_out_whatever_else_comes(place: Place, tmp_path: Path) -> None:
    day = now_ms() // DAY_MS
    old = make_listens(5, 2_000, from_ms=(day - 40) * DAY_MS, to_ms=(day - 30) * DAY_MS)
    place.send("history", old)
    seal = listen_pb2.Control(seal=listen_pb2.Seal(through_ms=(day - 35) * DAY_MS))
    for shard in range(HISTORY.shards):
        place.send(
            "history",
            old[:0],
            [(shard, seal_key((day - 35) * DAY_MS), seal.SerializeToString())],
        )
    behind = make_listens(6, 100, from_ms=(day - 40) * DAY_MS, to_ms=(day - 30) * DAY_MS)
    place.send("history", behind)
    port = free_port()
    with ConsumerProcess(place, tmp_path, f"--metrics-port={port}") as consumer:
        live = fresh(1, 3_000)
        place.send("live", live)
        next_year, hour_late = fresh(2, 10), fresh(3, 20)
        next_year["end_time_ms"] += np.uint64(365 * DAY_MS)
        hour_late["end_time_ms"] -= np.uint64(HOUR_MS)
        stranger = fresh(4, 1)
        wrong = (int(place_of(stranger)) + 1) % LIVE.shards
        odd = [
            (0, b"garbage", bytes(range(256)) * 3),
            (1, b"oversized", random.Random(1).randbytes(900_000)),
            (wrong, b"x" * 32, stranger.tobytes()),
        ]
        place.send("live", np.concatenate([next_year, hour_late]), odd)
        sealed = int((behind["end_time_ms"] < (day - 35) * DAY_MS).sum())
        bounded = int((live["ordinal"] >= 3).sum())
        consumer.wait_until(lambda: (counted(place), counted(place, "history")) == (3_033, 2_100))
        # The slices of `live` complete by heartbeats alone.
        ended = int(live["end_time_ms"].max()) // LIVE.slice_ms * LIVE.slice_ms
        consumer.wait_until(
            lambda: all(
                view.complete_through_ms >= ended
                for (name, _), view in place.views().items()
                if name == "live"
            )
        )
        figures = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        family = consumer.family()
        assert consumer.end() == 0, consumer.output
    for name in ("live", "history"):
        assert place.found(name) == place.expected(name)
    for (name, _), view in place.views().items():
        if name == "history":
            assert view.complete_through_ms == (day - 35) * DAY_MS
    letters = Counter((each.data_set, each.refusal) for each in dead_letters(place))
    late = letters.pop(("live", cell_pb2.REFUSAL_LATE))
    assert letters == {
        ("live", cell_pb2.REFUSAL_FUTURE): 10,
        ("live", cell_pb2.REFUSAL_MALFORMED): 2,
        ("live", cell_pb2.REFUSAL_MISPLACED): 1,
        ("live", cell_pb2.REFUSAL_OVER_BOUND): bounded,
        ("history", cell_pb2.REFUSAL_LATE): sealed,
    }
    assert late == 20
    assert place.admitted("history") == 2_100 - sealed
    oversized = next(each for each in dead_letters(place) if each.key == b"oversized")
    assert (len(oversized.value), oversized.value_size) == (1_024, 900_000)
    for line in (
        f'sottovoce_consumer_listens_admitted_total{{data_set="live"}} {3_000 - bounded}.0',
        'sottovoce_consumer_listens_refused_total{data_set="live",reason="late"} 20.0',
        'sottovoce_consumer_listens_refused_total{data_set="live",reason="malformed"} 2.0',
    ):
        assert line in figures
    left_over = wait_for_none(family)
    assert not left_over


def test_a_machine_too_busy_for_spark_s_patience_delays_the_first_batch_and_no_more(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_ONCE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    place.send("live", fresh(1, 100))
    with ConsumerProcess(place, tmp_path) as consumer:
        consumer.wait_until(lambda: counted(place) == 100)
        assert consumer.end() == 0, consumer.output
    assert "starting the stream again" in consumer.output


def test_killed_at_any_time_it_loses_nothing_and_counts_nothing_twice(
    place: Place, tmp_path: Path
) -> None:
    small = ("--deltas-per-base=2", "--batch-interval-seconds=0", "--max-listens-per-batch=400")
    sent = 2_000
    place.send("live", fresh(1, 2_000))
    with ConsumerProcess(place, tmp_path, *small) as consumer:
        consumer.wait_until(lambda: counted(place) > 0)
        time.sleep(random.uniform(0.0, 0.5))
        family = consumer.family()
        consumer.kill()
    assert not wait_for_none(family), "Spark outlived its driver"
    place.send("live", fresh(9, 500))
    with ConsumerProcess(place, tmp_path, *small) as first:
        first.wait_until(lambda: counted(place) == sent + 500)
        # A second consumer fences the first, which must end and not go on beside it.
        with ConsumerProcess(place, tmp_path, *small) as second:
            assert first.process.wait(240) == 1
            assert "the process must end" in first.output
            place.send("live", fresh(10, 100))
            second.wait_until(lambda: counted(place) == sent + 600)
            assert second.end() == 0, second.output
    assert place.found("live") == place.expected("live")


def test_killed_before_any_record_of_a_fold_it_loses_nothing(
    broker: LocalBroker, topic_prefix: str
) -> None:
    place = Place.make(broker.bootstrap, topic_prefix, [LIVE], TERMS[:1])
    place.send("live", fresh(1, 1_500))
    breaths = [0, 1, 7, *random.sample(range(10, 120), 4), -1]
    program = consumer_without_spark.__file__
    for breath in breaths:
        done = subprocess.run(
            [sys.executable, program, broker.bootstrap, topic_prefix, str(breath)],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
    assert counted(place) == 1_500
    assert place.found("live") == place.expected("live")


def counted(place: Place, data_set: str = "live") -> int:
    return sum(
        view.progress.admitted + sum(each.count for each in view.progress.refused)
        for (name, _), view in place.views().items()
        if name == data_set and view.progress is not None
    )


def test_stopped_for_longer_than_the_log_is_kept_it_says_so(place: Place, tmp_path: Path) -> None:
    place.send("live", fresh(1, 300))
    admin = place.settings.admin()
    topic = place.topics.listens("live")
    for future in admin.delete_records([TopicPartition(topic, 0, 20)]).values():
        future.result()
    with ConsumerProcess(place, tmp_path) as consumer:
        assert consumer.process.wait(240) == 3
        assert "offset 0 is next, but the log begins at 20" in consumer.output
        assert "accept_lost_records" in consumer.output
        assert "Traceback" not in consumer.output
    books, lost = open_books(
        place.settings,
        list(place.data_sets.values()),
        deltas_per_base=32,
        accept_lost_records=True,
    )
    assert lost == {("live", 0): 20}
    assert books["live", 0].next_offset == 20


def test_an_unreachable_broker_is_one_sentence(tmp_path: Path, place: Place) -> None:
    with ConsumerProcess(place, tmp_path, f"--kafka-bootstrap=127.0.0.1:{free_port()}") as consumer:
        assert consumer.process.wait(240) == 1
        assert "error: no Kafka broker answers at" in consumer.output
        assert "Traceback" not in consumer.output


def place_of(listens: Listens) -> int:
    return int(shards_of(listens["listener_high"], listens["listener_low"], LIVE.shards)[0])


def dead_letters(place: Place) -> list[cell_pb2.DeadLetter]:
    with LogReader(place.settings, [(place.topics.dead_letters, 0)]) as reader:
        return [cell_pb2.DeadLetter.FromString(each.value or b"") for each in reader.to_end()]


def wait_for_none(pids: set[int], seconds: float = 15.0) -> set[int]:
    """The processes that are still there after some time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pids = {pid for pid in pids if alive(pid)}
        if not pids:
            break
        time.sleep(0.2)
    return pids


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"
