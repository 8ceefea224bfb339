"""One transaction for each batch: deltas, folds, dead letters, and each shard's progress last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from sottovoce.kafka import Topics, TransactionalWriter
from sottovoce.wire.keys import dead_letter_key
from sottovoce.wire.refusals import refusal_name
from sottovoce.wire.v1 import cell_pb2
from sottovoce_consumer.books import ShardBook
from sottovoce_consumer.entry import Entry
from sottovoce_consumer.metrics import ConsumerMetrics
from sottovoce_consumer.ranges import ShardRef
from sottovoce_consumer.rows import Row
from sottovoce_consumer.standing import write_standing

type Clock = Callable[[], int]
"""Milliseconds since 1970 UTC."""


class Committer:
    """Owns every commit. Not for two threads at once.

    Args:
        writer: the process's transactional producer.
        topics: the topics' names.
        books: every shard's.
        standing: the file that tells the planner what stands at each shard.
        metrics: the figures to keep.
        max_folds: cells folded in one transaction at most: it must end well within its time-out.
        clock: the time.
    """

    def __init__(
        self,
        writer: TransactionalWriter,
        topics: Topics,
        books: Mapping[ShardRef, ShardBook],
        standing: Path,
        metrics: ConsumerMetrics,
        *,
        max_folds: int,
        clock: Clock,
    ) -> None:
        self._writer = writer
        self._topics = topics
        self._books = books
        self._standing = standing
        self._metrics = metrics
        self._max_folds = max_folds
        self._clock = clock
        self._write_standing()
        self._tell_totals()

    def commit(self, rows: Iterable[Row]) -> bool:
        """Write a batch's rows, and what is due besides; return whether anything was.

        Raises:
            FatalWriteError: the outcome is unknown; the process must end.
            ConsumerError: the rows don't follow what was committed before.
        """
        started = time.monotonic()
        by_shard: dict[ShardRef, list[Row]] = {ref: [] for ref in self._books}
        for row in rows:
            by_shard[row.span.data_set, row.span.shard].append(row)
        now_ms = self._clock()
        entries: dict[ShardRef, Entry] = {}
        folds = self._max_folds
        for ref, mine in by_shard.items():
            entry = self._books[ref].prepare(mine, now_ms=now_ms, folds=folds)
            folds -= entry.folds
            if entry.records:
                entries[ref] = entry
        if not entries:
            return False
        with self._writer.transaction():
            for ref, entry in entries.items():
                self._write(ref, entry)
        for ref, entry in entries.items():
            self._books[ref].advance(entry)
        self._write_standing()
        self._tell(entries)
        self._metrics.commit.observe(time.monotonic() - started)
        return True

    def _write(self, ref: ShardRef, entry: Entry) -> None:
        for letter in entry.dead_letters:
            self._writer.produce(
                self._topics.dead_letters,
                dead_letter_key(letter.data_set, letter.shard, letter.offset),
                letter.SerializeToString(),
            )
        data_set, shard = ref
        cells = self._topics.cells(data_set)
        for key, value in entry.records:
            self._writer.produce(cells, key, value, partition=shard)

    def _write_standing(self) -> None:
        write_standing(self._standing, {ref: book.seals for ref, book in self._books.items()})

    def _tell(self, entries: Mapping[ShardRef, Entry]) -> None:
        now_ms = self._clock()
        for (data_set, _), entry in entries.items():
            self._metrics.deltas.labels(data_set).inc(entry.deltas)
            self._metrics.folds.labels(data_set).inc(entry.folds)
            self._metrics.expired.labels(data_set).inc(entry.expired)
            if entry.progress.append_time_ms:  # 0 before a shard's first record
                waited = (now_ms - entry.progress.append_time_ms) / 1_000
                self._metrics.freshness.labels(data_set).observe(max(0.0, waited))
        self._metrics.last_commit.set(now_ms / 1_000)
        self._tell_totals()

    def _tell_totals(self) -> None:
        """Bring the counters to the true totals, which the progress records keep over restarts."""
        for data_set in {name for name, _ in self._books}:
            views = [book.view for (name, _), book in self._books.items() if name == data_set]
            progresses = [view.progress or cell_pb2.ShardProgress() for view in views]
            refused: dict[int, int] = dict.fromkeys(cell_pb2.Refusal.values()[1:], 0)
            for progress in progresses:
                for each in progress.refused:
                    refused[each.refusal] = refused.get(each.refusal, 0) + each.count
            self._metrics.admitted.set(sum(each.admitted for each in progresses), data_set)
            for refusal, count in refused.items():
                self._metrics.refused.set(count, data_set, refusal_name(refusal))
            self._metrics.complete_through.labels(data_set).set(
                min(view.complete_through_ms for view in views) / 1_000
            )
            self._metrics.cells.labels(data_set).set(sum(len(view.cells) for view in views))
