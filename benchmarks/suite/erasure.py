"""Erasing listeners from a long history while a live stream goes on."""

from __future__ import annotations

import time
from collections.abc import Callable

from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from benchmarks.ground import Ground
from benchmarks.live_stream import PER_SECOND, Commits, LiveStream
from benchmarks.made_up_history import DAYS, SOME_DAYS, MadeUpHistory, fill_history
from benchmarks.processes import Child, ChildFailedError
from benchmarks.results import Result, Table, Target
from sottovoce.erasure.book import DENIED, GONE, REBUILT, TOMBSTONED, Step
from sottovoce.erasure.log import ErasureLog
from sottovoce.erasure.pseudonyms import halves_of
from sottovoce.kafka import TransactionalWriter
from sottovoce.wire.keys import retired_key
from sottovoce.wire.listens import shard_of
from sottovoce.wire.v1 import listen_pb2

QUESTION = "How long does it take until no cell tells of a listener any more, and who waits for it?"
_SIZES = {"tiny": (300_000, 5_000, 20), "full": (18_000_000, 50_000, 1_000)}
_PATIENCE = 900.0
_COMPACTS_AT_ONCE = {
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.0",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "1000",
}


def measure(size: str) -> Result:
    """Erase one listener of some slices, one of all, and many at once."""
    total, listeners, many = _SIZES[size]
    rows: list[list[str | int | float]] = []
    seconds: dict[str, float] = {}
    freshness: dict[str, float] = {}
    with Ground() as ground:
        history = MadeUpHistory(ground.history.shards, listeners, total)
        fill_history(ground, history)
        consumer = ["-m", "sottovoce_consumer.main"]
        environment = ground.environment | {"SOTTOVOCE_ERASURE_CHECK_SECONDS": "5"}
        with (
            Child("consumer", consumer, ground.folder, environment) as child,
            LiveStream(ground),
        ):
            commits = Commits(ground)
            _until(lambda: commits.counted(ground.topics.cells("history")) >= total, commits, child)
            _until_quiet(commits, child)
            for name, who in {
                f"one, in {SOME_DAYS} of {DAYS} slices": history.pseudonyms[:1],
                f"one, in all {DAYS} slices": history.pseudonyms[1:2],
                f"{many:,} at once": history.pseudonyms[2 : 2 + many],
            }.items():
                denied, rebuilt = _erase(ground, who, commits, child)
                seconds[name], freshness[name] = rebuilt, commits.take_freshness()
                rows.append([name, denied, rebuilt, freshness[name]])
                print(f"  {name}: {rebuilt:.1f} s, live p99 {freshness[name]:.2f} s", flush=True)
                _until_quiet(commits, child)
            forgotten, gone = _forget(ground, history.pseudonyms[1], commits, child)
            print(f"  tombstones after {forgotten:.1f} s, gone after {gone:.1f} s", flush=True)
    some, one, batch = seconds.values()
    return Result(
        "erasure",
        QUESTION,
        tables=[
            Table(
                f"{total:,} listens of {listeners:,} listeners over {DAYS} slices of `history` in "
                f"{ground.history.shards} shards, {PER_SECOND:,} live listens/s beside",
                ["erased", "denied after, s", "rebuilt after, s", "live freshness p99, s"],
                rows,
            ),
            Table(
                "Then, from the record on by which the writer retires a listener",
                ["erased", "tombstones written after, s", "gone from the log after, s"],
                [[f"one, in all {DAYS} slices", forgotten, gone]],
            ),
        ],
        targets=[
            Target("one listener, every slice touched", one, 15.0, "at most", "s"),
            Target("one listener, 3 slices touched", some, 5.0, "at most", "s"),
            Target("1,000 in one batch / one", batch / one, 5.0, "at most"),
            Target("live freshness p99 meanwhile", max(freshness.values()), 3.0, "at most", "s"),
        ],
        figures={"seconds": seconds, "freshness": freshness},
        notes=[
            (
                "From the request's record to the state `rebuilt` in every shard of both data "
                "sets: cells, log index and totals are then those of a log without the listener."
            ),
            (
                "Compaction is Kafka's, and by default it has a day for it. Here it begins at "
                "once, with one thread, in a log that was never compacted; gone means that the "
                "consumer has looked, every five seconds and then more rarely, and found nothing."
            ),
        ],
    )


def _erase(ground: Ground, who: list[bytes], commits: Commits, child: Child) -> tuple[float, float]:
    refs = _refs(ground)
    commits.take_freshness()
    with ErasureLog(ground.settings) as log:
        began = time.monotonic()
        asked = [each.erasure for each in log.request_all(who, refs)]

        def reached(step: Step) -> bool:
            log.refresh()
            return all(log.book.step(each, refs) >= step for each in asked)

        _until(lambda: reached(DENIED), commits, child)
        denied = time.monotonic() - began
        _until(lambda: reached(REBUILT), commits, child)
        return denied, time.monotonic() - began


def _forget(ground: Ground, who: bytes, commits: Commits, child: Child) -> tuple[float, float]:
    """Retire a listener as the writer does; return when tombstones stood, and when all was gone.

    Of `history`: one thread compacts, and to have a busy log compacted at once would keep it there.
    """
    refs = [ref for ref in _refs(ground) if ref[0] == "history"]
    _compact_at_once(ground)
    began = time.monotonic()
    writer = TransactionalWriter(ground.settings, "bench-retire")
    high, low = halves_of(who)
    retired = listen_pb2.Retired(listener_high=high, listener_low=low, retired_at_ms=1)
    value = listen_pb2.Control(retired=retired).SerializeToString()
    with writer.transaction():
        for each in ground.data_sets:
            topic, shard = ground.topics.listens(each.name), shard_of(who, each.shards)
            writer.produce(topic, retired_key(who), value, partition=shard)
    took = []
    with ErasureLog(ground.settings) as log:
        (erasure,) = (each.erasure for each in log.book.of_listener(who))
        for step in (TOMBSTONED, GONE):

            def reached(step: Step = step) -> bool:
                log.refresh()
                return log.book.step(erasure, refs) >= step

            _until(reached, commits, child)
            took.append(time.monotonic() - began)
    return took[0], took[1]


def _compact_at_once(ground: Ground) -> None:
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in _COMPACTS_AT_ONCE.items()
    ]
    topics = [ground.topics.listens("history"), ground.topics.cells("history")]
    changes = [
        ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries) for topic in topics
    ]
    admin = ground.settings.admin()
    for future in admin.incremental_alter_configs(changes).values():
        future.result()


def _refs(ground: Ground) -> list[tuple[str, int]]:
    return [(each.name, shard) for each in ground.data_sets for shard in range(each.shards)]


def _until(done: Callable[[], bool], commits: Commits, child: Child) -> None:
    give_up = time.monotonic() + _PATIENCE
    while not done():
        child.check()
        if time.monotonic() > give_up:
            raise ChildFailedError("the consumer took too long")
        commits.look()


def _until_quiet(commits: Commits, child: Child, wait: float = 5.0) -> None:
    """Let folds and whatever else is due pass."""
    until = time.monotonic() + wait
    _until(lambda: time.monotonic() > until, commits, child)
