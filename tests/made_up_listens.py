"""Made-up listens and logs, for tests of what counts them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from confluent_kafka import Message

from sottovoce.cells import KeyedValue, ShardView
from sottovoce.data_sets.data_set import DataSet
from sottovoce.wire.keys import CellKey
from sottovoce.wire.listens import LISTEN_BYTES, Listens, listen_keys, new_listens
from sottovoce_consumer.admission import Admission, SealTimeline
from sottovoce_consumer.books import ShardBook
from sottovoce_consumer.counting import RangeCounter
from sottovoce_consumer.decoding import decode
from sottovoce_consumer.folding import FoldBudget
from sottovoce_consumer.placing import shards_of
from sottovoce_consumer.ranges import Range
from sottovoce_consumer.rows import Row

NO_TIME = 0


def make_listens(
    seed: int, size: int, *, from_ms: int, to_ms: int, listeners: int = 50, tracks: int = 200
) -> Listens:
    """Listens with ends in [from, to), all flags and a few countries."""
    rng = np.random.default_rng(seed)
    listens = new_listens(size)
    who = rng.integers(0, listeners, size).astype(np.uint64)
    listens["listener_high"] = who * np.uint64(0x9E3779B97F4A7C15) + np.uint64(1)
    listens["listener_low"] = who * np.uint64(0xC2B2AE3D27D4EB4F) + np.uint64(7)
    track = rng.integers(0, tracks, size).astype(np.uint64)
    listens["track_high"] = track
    listens["track_low"] = track * np.uint64(0x9E3779B97F4A7C15)
    listens["event_high"] = rng.integers(0, 2**64, size, dtype=np.uint64)
    listens["event_low"] = rng.integers(0, 2**64, size, dtype=np.uint64)
    listens["end_time_ms"] = rng.integers(from_ms, to_ms, size)
    listens["ms_played"] = rng.integers(1, 400_000, size)
    listens["country"] = rng.choice([0x4954, 0x4445, 0x4652], size)
    listens["flags"] = rng.integers(0, 512, size)
    listens["ordinal"] = rng.integers(0, 4, size)
    return listens


def of_shard(listens: Listens, shard: int, shards: int) -> Listens:
    """Only those that belong to a shard."""
    return listens[shards_of(listens["listener_high"], listens["listener_low"], shards) == shard]


def as_messages(
    listens: Listens, append_ms: Sequence[int], *, first_offset: int = 0, shard: int = 0
) -> list[Message]:
    """Listens as a log holds them."""
    plain = listens.tobytes()
    return [
        message(
            first_offset + row,
            key,
            plain[LISTEN_BYTES * row : LISTEN_BYTES * (row + 1)],
            int(append_ms[row]),
            shard=shard,
        )
        for row, key in enumerate(listen_keys(listens))
    ]


def message(
    offset: int, key: bytes | None, value: bytes | None, append_ms: int, *, shard: int = 0
) -> Message:
    """One record of a log."""
    return Message(
        topic="listens",
        partition=shard,
        offset=offset,
        key=key,
        value=value,
        timestamp=(2, append_ms),
    )


class LogWithoutKafka:
    """One shard's log and what the consumer makes of it, without Kafka and Spark."""

    def __init__(
        self,
        data_set: DataSet,
        admission: Admission,
        messages: Sequence[Message],
        *,
        shard: int = 0,
        deltas_per_base: int = 32,
        max_folds: int = 1_000,
    ) -> None:
        self.data_set = data_set
        self.admission = admission
        self.messages = messages
        self.shard = shard
        self.deltas_per_base = deltas_per_base
        self.max_folds = max_folds
        self.written: list[KeyedValue] = []
        self.dead: list[bytes] = []
        self.book = self.restart()

    @property
    def end(self) -> int:
        """The offset after the last."""
        return (self.messages[-1].offset() or 0) + 1 if self.messages else 0

    def restart(self) -> ShardBook:
        """Recover from what was written."""
        self.book = ShardBook(self.view(), 0, self.deltas_per_base)
        return self.book

    def view(self) -> ShardView:
        """What a reader of `cells.*` sees."""
        return read(self.data_set, self.written, self.shard)

    def run(self, cuts: Iterable[int] = (), *, chunk: int = 1_000, tasks: int = 1) -> ShardView:
        """Consume in batches that end at `cuts`, each in so many tasks, and return the view."""
        ends = sorted({*(cut for cut in cuts if cut > self.book.next_offset), self.end})
        for end in ends:
            self.batch(end, chunk=chunk, tasks=tasks)
        return self.view()

    def batch(self, end: int, *, chunk: int = 1_000, tasks: int = 1) -> None:
        """Consume one batch up to `end`."""
        rows = self.count(self.book.next_offset, end, chunk=chunk, tasks=tasks)
        entry = self.book.prepare(rows, now_ms=NO_TIME, folds=FoldBudget(self.max_folds, 1 << 40))
        self.written += entry.records
        self.dead += entry.dead_letters
        self.book.advance(entry)

    def count(self, start: int, end: int, *, chunk: int, tasks: int) -> list[Row]:
        """What tasks make of a range."""
        rows: list[Row] = []
        seals = self.book.seals
        cuts = [start + (end - start) * task // tasks for task in range(tasks + 1)]
        for first, last in itertools.pairwise(cuts):
            span = Range(self.data_set.name, self.shard, first, last)
            counter = RangeCounter(span, self.admission, seals or SealTimeline())
            mine = [each for each in self.messages if first <= (each.offset() or 0) < last]
            for at in range(0, len(mine), chunk):
                rows += counter.take(decode(mine[at : at + chunk]))
            rows += counter.finish()
        return rows


def read(data_set: DataSet, records: Iterable[KeyedValue], shard: int = 0) -> ShardView:
    """Read records as a service that starts now would."""
    view = ShardView(data_set, shard)
    for key, value in records:
        view.apply_value(key, value)
    return view


def compact(records: Sequence[KeyedValue], upto: int, *, tombstones: bool) -> list[KeyedValue]:
    """What Kafka's compaction may have left of the records before `upto`."""
    last = {key: place for place, (key, _) in enumerate(records)}
    return [
        (key, value)
        for place, (key, value) in enumerate(records)
        if place >= upto or (last[key] == place and (value is not None or not tombstones))
    ]


def contents(view: ShardView) -> dict[int, bytes]:
    """Every cell's canonical bytes."""
    return {start: cell.content().payload() for start, cell in sorted(view.cells.items())}


def indexes(view: ShardView) -> dict[int, bytes]:
    """Every log index's canonical bytes."""
    return {block: index.payload() for block, index in sorted(view.index.items())}


def kinds(records: Iterable[KeyedValue]) -> list[tuple[str, bool]]:
    """The kind of each record, and whether it is a value."""
    return [(CellKey.from_bytes(key).kind.value, value is not None) for key, value in records]
