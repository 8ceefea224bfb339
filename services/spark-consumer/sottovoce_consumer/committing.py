"""One transaction for each batch: deltas, folds, dead letters, and each shard's progress last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from sottovoce.cells import KeyedValue
from sottovoce.erasure.book import DENIED, state_key
from sottovoce.kafka import Topics, TransactionalWriter
from sottovoce.wire.keys import dead_letter_key
from sottovoce.wire.refusals import refusal_name
from sottovoce.wire.v1 import cell_pb2, erasure_pb2
from sottovoce_consumer.books import ShardBook
from sottovoce_consumer.entry import Entry
from sottovoce_consumer.erasures import Erasures
from sottovoce_consumer.folding import FoldBudget
from sottovoce_consumer.metrics import ConsumerMetrics
from sottovoce_consumer.ranges import ShardRef
from sottovoce_consumer.rows import Row, RowKind
from sottovoce_consumer.standing import Standing, write_standing

type Clock = Callable[[], int]
"""Milliseconds since 1970 UTC."""


class Committer:
    """Owns every commit: whoever commits, or reads the books, holds `lock`.

    Args:
        writer: the process's transactional producer.
        topics: the topics' names.
        books: every shard's.
        erasures: what is to be erased, and how far that has come.
        standing: the file that tells the planner what stands at each shard.
        metrics: the figures to keep.
        max_folds: cells folded in one transaction at most: it must end well within its time-out.
        max_fold_bytes: how many bytes of cells one transaction folds, about: listens wait for it.
        clock: the time.

    Attributes:
        lock: what one thread at a time holds.
        books: every shard's.
        erasures: what is to be erased.
    """

    def __init__(
        self,
        writer: TransactionalWriter,
        topics: Topics,
        books: Mapping[ShardRef, ShardBook],
        erasures: Erasures,
        standing: Path,
        metrics: ConsumerMetrics,
        *,
        max_folds: int,
        max_fold_bytes: int,
        clock: Clock,
    ) -> None:
        self.lock = threading.RLock()
        self.books = books
        self.erasures = erasures
        self._writer = writer
        self._topics = topics
        self._standing = standing
        self._metrics = metrics
        self._max_folds = max_folds
        self._max_fold_bytes = max_fold_bytes
        self._first = 0
        self._clock = clock
        self.write_standing()
        self._tell_totals()

    @property
    def max_folds(self) -> int:
        """The most cells that one transaction rewrites."""
        return self._max_folds

    def now_ms(self) -> int:
        """Return the time."""
        return self._clock()

    def commit(self, rows: Iterable[Row], *, is_batch: bool = True) -> bool:
        """Write a batch's rows, and what is due besides; return whether anything was.

        A batch denies whom its plan denied, and says so in its rows. One without rows counted
        nothing, so the deny list of now holds from where it stands.

        Args:
            rows: of one batch, which may be none.
            is_batch: whether no other batch can be planned already; if not, nobody new is denied.

        Raises:
            FatalWriteError: the outcome is unknown; the process must end.
            ConsumerError: the rows don't follow what was committed before.
        """
        with self.lock:
            return self._commit(list(rows), is_batch)

    def _commit(self, rows: Sequence[Row], is_batch: bool) -> bool:
        started = time.monotonic()
        by_shard: dict[ShardRef, list[Row]] = {ref: [] for ref in self.books}
        for row in rows:
            by_shard[row.span.data_set, row.span.shard].append(row)
        now_ms = self._clock()
        through = self._denied_through(rows) if is_batch else 0
        entries: dict[ShardRef, Entry] = {}
        states: list[erasure_pb2.ErasureState] = []
        folds = FoldBudget(self._max_folds, self._max_fold_bytes)
        for ref in self._in_turn():
            mine = by_shard[ref]
            book = self.books[ref]
            denied = self._deny(ref, book.next_offset, through, now_ms)
            entry = book.prepare(
                mine,
                now_ms=now_ms,
                folds=folds,
                may_fold=not denied and not self.erasures.holds_folds(ref),
                erasures_offset=through,
            )
            states += denied
            if entry.records:
                entries[ref] = entry
        if not entries:
            return False
        self.write(entries, states)
        self._tell(entries)
        self._metrics.commit.observe(time.monotonic() - started)
        return True

    def _in_turn(self) -> Sequence[ShardRef]:
        """Return every shard, each batch another one first, so that each comes to fold."""
        refs = list(self.books)
        self._first = (self._first + 1) % len(refs)
        return refs[self._first :] + refs[: self._first]

    def _denied_through(self, rows: Sequence[Row]) -> int:
        """Return the position in `erasures` before which this batch passes everybody over."""
        if not rows:
            return self.erasures.through
        return min(
            cell_pb2.ShardProgress.FromString(row.body).erasures_offset
            for row in rows
            if row.kind is RowKind.PROGRESS
        )

    def _deny(
        self, ref: ShardRef, offset: int, through: int, now_ms: int
    ) -> list[erasure_pb2.ErasureState]:
        """Return the states of the erasures that begin in a shard with this batch."""
        name, shard = ref
        return [
            erasure_pb2.ErasureState(
                erasure=request.erasure,
                data_set=name,
                shard=shard,
                step=DENIED,
                denied_from=offset,
                denied_at_ms=now_ms,
            )
            for request in self.erasures.unbegun(ref, through)
        ]

    def write(
        self,
        entries: Mapping[ShardRef, Entry],
        states: Sequence[erasure_pb2.ErasureState] = (),
        others: Iterable[tuple[str, int, KeyedValue]] = (),
    ) -> None:
        """Write entries, states of erasures and other records in one transaction; then take over.

        Args:
            entries: what becomes of shards.
            states: how far erasures have come.
            others: topic, partition, key and value of whatever else belongs to it.

        Raises:
            FatalWriteError: the outcome is unknown; the process must end.
        """
        with self._writer.transaction():
            for topic, partition, (key, value) in others:
                self._writer.produce(topic, key, value, partition=partition)
            for state in states:
                self._writer.produce(
                    self._topics.erasures, state_key(state), state.SerializeToString()
                )
            for ref, entry in entries.items():
                self._write(ref, entry)
        for ref, entry in entries.items():
            self.books[ref].advance(entry)
        self.erasures.take(states)
        self.write_standing()

    def _write(self, ref: ShardRef, entry: Entry) -> None:
        for body in entry.dead_letters:
            letter = cell_pb2.DeadLetter.FromString(body)
            key = dead_letter_key(letter.data_set, letter.shard, letter.offset)
            self._writer.produce(self._topics.dead_letters, key, body)
        data_set, shard = ref
        cells = self._topics.cells(data_set)
        for key, value in entry.records:
            self._writer.produce(cells, key, value, partition=shard)

    def write_standing(self) -> None:
        """Tell the planner what stands now."""
        seals = {ref: book.seals for ref, book in self.books.items()}
        write_standing(self._standing, Standing(seals, self.erasures.denied()))

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
        for data_set in {name for name, _ in self.books}:
            views = [book.view for (name, _), book in self.books.items() if name == data_set]
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
