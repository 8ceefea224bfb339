"""One shard: what its next transaction writes, and what its cells are once that is committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from sottovoce.cells import (
    FORMAT_VERSION,
    MAX_PART_BYTES,
    KeyedValue,
    ShardView,
    base_records,
    content_of,
    delta_records,
)
from sottovoce.cells.index import BLOCK_MS
from sottovoce.data_sets.data_set import DataSet
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2
from sottovoce_consumer.admission import SealTimeline
from sottovoce_consumer.entry import Entry
from sottovoce_consumer.errors import ConsumerError
from sottovoce_consumer.folding import FoldBudget, no_folds
from sottovoce_consumer.indexing import index_batch
from sottovoce_consumer.rows import Row, RowKind

_PROGRESS_KEY: Final = CellKey(CellKeyKind.PROGRESS).to_bytes()


class ShardBook:
    """One shard: its view of the log, and how the view goes on.

    Nothing here changes before `advance`, which is called when the transaction was committed; it
    applies the very records that were written, so memory and log can't differ.

    Args:
        view: the shard's cells, read to the end.
        first_offset: where its log begins, for a shard that has no progress yet.
        deltas_per_base: how many deltas are folded.
    """

    def __init__(self, view: ShardView, first_offset: int, deltas_per_base: int) -> None:
        self.view = view
        self.data_set: DataSet = view.data_set
        self._first_offset = first_offset
        self._skipped = 0
        self._deltas_per_base = deltas_per_base
        self._open: set[int] = set()
        view.take_changed()
        self._settle(view.cells)

    @property
    def next_offset(self) -> int:
        """The next offset of the log to read."""
        progress = self.view.progress
        return self._first_offset if progress is None else max(progress.next_offset, self._skipped)

    def skip_to(self, offset: int) -> None:
        """Go on from `offset`: what lay before it is lost."""
        self._first_offset = self._skipped = offset

    @property
    def seals(self) -> SealTimeline:
        """The seals of the shard's log."""
        progress = self.view.progress or cell_pb2.ShardProgress()
        return SealTimeline(
            tuple(seal.offset for seal in progress.seals),
            tuple(seal.through_ms for seal in progress.seals),
        )

    def prepare(
        self,
        rows: Sequence[Row],
        *,
        now_ms: int,
        folds: FoldBudget,
        may_fold: bool = True,
        erasures_offset: int = 0,
    ) -> Entry:
        """Return what is to be written for these rows, which may be none.

        Args:
            rows: of this shard, from one batch.
            now_ms: the time, for `committed_at_ms`.
            folds: what may be folded; what is, is taken off.
            may_fold: whether cells and indexes may be folded at all: not while an erasure waits to
                rebuild them through an earlier offset.
            erasures_offset: every erasure requested before it in `erasures` is denied from here on.

        Raises:
            ConsumerError: the rows don't follow what was committed before.
        """
        by_kind: dict[RowKind, list[Row]] = {kind: [] for kind in RowKind}
        for row in rows:
            by_kind[row.kind].append(row)
        progress = self._progress(by_kind[RowKind.PROGRESS], now_ms)
        denies_more = erasures_offset > progress.erasures_offset
        progress.erasures_offset = max(progress.erasures_offset, erasures_offset)
        entry = Entry(progress)
        self._cells(by_kind[RowKind.CELL], entry, folds if may_fold else no_folds())
        entry.records += index_batch(
            self.view.index,
            (cell_pb2.LogIndexPart.FromString(row.body) for row in by_kind[RowKind.INDEX]),
            progress,
            since=self.next_offset,
            deltas_per_base=self._deltas_per_base,
            may_fold=may_fold,
        )
        self._expire(entry)
        entry.dead_letters = [row.body for row in by_kind[RowKind.DEAD_LETTER]]
        if rows or entry.records or denies_more:
            entry.records.append((_PROGRESS_KEY, progress.SerializeToString()))
        return entry

    def amend(
        self,
        records: Iterable[KeyedValue],
        *,
        now_ms: int,
        change: Callable[[cell_pb2.ShardProgress], None] = lambda _: None,
    ) -> Entry:
        """Return an entry that reads nothing: records, and the progress as `change` leaves it."""
        progress = self._progress((), now_ms)
        change(progress)
        return Entry(progress, [*records, (_PROGRESS_KEY, progress.SerializeToString())])

    def advance(self, entry: Entry) -> None:
        """Take over what was committed."""
        for key, value in entry.records:
            self.view.apply_value(key, value)
        self._settle(self.view.take_changed() | self._complete(self.view.complete_through_ms))

    def _progress(self, rows: Iterable[Row], now_ms: int) -> cell_pb2.ShardProgress:
        progress = cell_pb2.ShardProgress(
            shard=self.view.shard,
            next_offset=self.next_offset,
            epoch=self.data_set.epoch,
        )
        if self.view.progress is not None:
            progress.CopyFrom(self.view.progress)
            progress.next_offset = self.next_offset
        progress.format_version = FORMAT_VERSION
        progress.committed_at_ms = now_ms
        refused = {each.refusal: each.count for each in progress.refused}
        for row in sorted(rows, key=lambda row: row.span.from_offset):
            if row.span.from_offset != progress.next_offset:
                raise ConsumerError(
                    f"{self.data_set.name}, shard {self.view.shard}: a range begins at offset "
                    f"{row.span.from_offset} where {progress.next_offset} is next"
                )
            part = cell_pb2.ShardProgress.FromString(row.body)
            progress.next_offset = part.next_offset
            progress.admitted += part.admitted
            progress.append_time_ms = max(progress.append_time_ms, part.append_time_ms)
            progress.complete_through_ms = max(
                progress.complete_through_ms, part.complete_through_ms
            )
            progress.seals.extend(part.seals)
            progress.retired.extend(part.retired)
            for each in part.refused:
                refused[each.refusal] = refused.get(each.refusal, 0) + each.count
        del progress.refused[:]
        for refusal, count in sorted(refused.items()):
            progress.refused.add(refusal=refusal, count=count)
        return progress

    def _complete(self, through_ms: int) -> set[int]:
        return {start for start in self._open if start + self.data_set.slice_ms <= through_ms}

    def _cells(self, rows: Iterable[Row], entry: Entry, folds: FoldBudget) -> None:
        touched: dict[int, list[cell_pb2.CellPart]] = {}
        for row in rows:
            part = cell_pb2.CellPart.FromString(row.body)
            touched.setdefault(part.slice_ms, []).append(part)
        complete = self._complete(entry.progress.complete_through_ms)
        for start in sorted(complete | touched.keys()):
            parts = touched.get(start, [])
            due = self._is_due(start, bool(parts), start in complete)
            if due and folds.take(self._size(start, parts)):
                entry.records += self._fold(start, parts, entry.progress.next_offset)
                entry.folds += 1
            elif parts:
                entry.records += self._delta(start, parts, entry.progress.next_offset)
                entry.deltas += 1

    def _is_due(self, start: int, touched: bool, complete: bool) -> bool:
        cell = self.view.cells.get(start)
        if cell is None:
            return complete or self._deltas_per_base <= 1
        if cell.is_forgotten:
            return False
        deltas = len(cell.delta_offsets) + touched
        return deltas >= self._deltas_per_base or (complete and deltas > 0)

    def _size(self, start: int, parts: Sequence[cell_pb2.CellPart]) -> int:
        """Return how many bytes a fold of a cell and new parts takes in."""
        cell = self.view.cells.get(start)
        return sum(part.ByteSize() for part in parts) + (cell.nbytes if cell is not None else 0)

    def _fold(
        self, start: int, parts: Sequence[cell_pb2.CellPart], through: int
    ) -> list[KeyedValue]:
        content = content_of(parts)
        blocks = {block for part in parts for block in part.blocks}
        stale: set[bytes] = set()
        cell = self.view.cells.get(start)
        if cell is not None:
            content.merge(cell.content())
            blocks |= cell.blocks
            stale = {key.to_bytes() for key in cell.record_keys()}
        records = base_records(
            content,
            slice_ms=start,
            through_offset=through,
            blocks=blocks,
            epoch=self.data_set.epoch,
        )
        stale.difference_update(key for key, _ in records)
        return records + [(key, None) for key in sorted(stale)]

    def _delta(
        self, start: int, parts: Sequence[cell_pb2.CellPart], through: int
    ) -> list[KeyedValue]:
        since = self.next_offset
        if len(parts) == 1 and parts[0].ByteSize() + 32 <= MAX_PART_BYTES:
            part = parts[0]
            part.from_offset, part.through_offset = since, through
            key = CellKey(CellKeyKind.DELTA, start, since, 0)
            return [(key.to_bytes(), part.SerializeToString())]
        return delta_records(
            content_of(parts),
            slice_ms=start,
            from_offset=since,
            through_offset=through,
            blocks={block for part in parts for block in part.blocks},
            epoch=self.data_set.epoch,
        )

    def _expire(self, entry: Entry) -> None:
        """Write tombstones for cells and index blocks that are kept no longer.

        The shard's own latest stamp is the clock, so that a replay forgets alike.
        """
        now = entry.progress.append_time_ms
        written = {key for key, _ in entry.records}
        kept = self.data_set.cell_retention_ms
        if kept >= 0:
            for start, cell in self.view.cells.items():
                if start + self.data_set.slice_ms + kept <= now:
                    entry.records += _tombstones(cell.record_keys(), written)
                    entry.expired += 1
        kept = self.data_set.log_retention_ms
        if kept >= 0:
            for block, index in self.view.index.items():
                if (block + 1) * BLOCK_MS + kept <= now:
                    entry.records += _tombstones(index.record_keys(), written)

    def _settle(self, starts: Iterable[int] | Mapping[int, object]) -> None:
        """Keep only the headers of cells that are complete and folded; know which are not."""
        through = self.view.complete_through_ms
        for start in list(starts):
            cell = self.view.cells.get(start)
            if cell is None:
                self._open.discard(start)
            elif cell.is_forgotten:
                cell.forget()  # the content of a late delta, too
            elif start + self.data_set.slice_ms <= through and not cell.delta_offsets:
                cell.forget()
                self._open.discard(start)
            else:
                self._open.add(start)


def _tombstones(keys: Iterable[CellKey], written: set[bytes]) -> list[KeyedValue]:
    return [(key.to_bytes(), None) for key in keys if key.to_bytes() not in written]
