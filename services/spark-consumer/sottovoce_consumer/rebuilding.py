"""Rebuilding: cells, log indexes and totals as they were had a shard never seen some listeners.

The stream flows on: what is rebuilt ends at an offset from which on every batch denied them, and
the deltas from there on stay. It is idempotent: a crash repeats it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from sottovoce.cells import KeyedValue
from sottovoce.erasure.book import REBUILT, Request
from sottovoce.wire.v1 import cell_pb2, erasure_pb2
from sottovoce_consumer.committing import Committer
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.errors import ConsumerError
from sottovoce_consumer.merging import CountedCell, MergedCell
from sottovoce_consumer.ranges import ShardRef
from sottovoce_consumer.recounting import Recount, in_groups, missing_of, size_of
from sottovoce_consumer.replacing import block_records, cell_records
from sottovoce_consumer.replaying import Offsets, Replay, union
from sottovoce_consumer.rounds import Records, ShardRound, round_of
from sottovoce_consumer.tasks import Found, merged

type Cells = dict[int, MergedCell]
"""By slice, what it is to be."""


class Rebuilder:
    """Rebuilds whatever erasures stand at `DENIED`; many share one replay.

    Args:
        committer: whose lock owns all commits.
        replay: reads the log again.
        ends_of_cells: tells where the shards' cells end in `cells.*`.
    """

    def __init__(self, committer: Committer, replay: Replay, ends_of_cells: Offsets) -> None:
        self._committer = committer
        self._replay = replay
        self._ends_of_cells = ends_of_cells

    def rebuild(self) -> bool:
        """Rebuild what waits; return whether there was anything."""
        with self._committer.lock:  # once for all, so that all shards deny the same listeners
            rounds = [
                found
                for ref, book in self._committer.books.items()
                if (found := round_of(ref, book, self._committer.erasures))
            ]
        for _, mine in itertools.groupby(rounds, key=lambda each: (each.ref[0], each.excluded)):
            for group in in_groups(list(mine), lambda each: size_of(each.ranges)):
                self._rebuild_shards(group)
        return bool(rounds)

    def _rebuild_shards(self, rounds: Sequence[ShardRound]) -> None:
        """Search in some shards of a data set at once; then count what the search did not."""
        ends = self._ends_of_cells([each.ref for each in rounds])
        everybody = DenyList.of(
            pseudonym for each in rounds for pseudonym in each.sought.pseudonyms
        )
        numbers = {pseudonym: number for number, pseudonym in enumerate(everybody.pseudonyms)}
        found: dict[int, list[Found]] = {each.ref[1]: [] for each in rounds}
        for part in self._replay.search(
            [span for each in rounds for span in each.ranges],
            {each.ref: each.seals for each in rounds},
            everybody,
            excluded=rounds[0].excluded,
        ):
            found[part.span.shard].append(part)
        recounts = [self._recount_of(each, found[each.ref[1]], numbers) for each in rounds]
        for group in in_groups(recounts, lambda each: each.size):
            cells = self._recount(group)
            for recount in group:
                ref = recount.round.ref
                digests = self._replace_cells(recount, cells[ref])
                self._close(recount, numbers, digests, ends[ref])

    def _close(
        self,
        recount: Recount,
        numbers: dict[bytes, int],
        digests: dict[int, bytes],
        cells_end: int,
    ) -> None:
        """Write a shard's new log index, its totals, and that it is rebuilt."""
        this, records = recount.round, recount.records
        with self._committer.lock:
            book = self._committer.books[this.ref]
            replaced: list[KeyedValue] = []
            for block in np.unique(records.blocks).tolist():
                parts = [each.others[block] for each in recount.found if block in each.others]
                if block in book.view.index:
                    replaced += block_records(
                        book.view.index[block],
                        merged(parts) if parts else None,
                        block=block,
                        through=this.through,
                    )
            states = [
                self._rebuilt(request, state, this, records, numbers, digests, cells_end)
                for request, state in this.pairs
            ]
            once: set[bytes] = set()
            for (request, _), state in zip(this.pairs, states, strict=True):
                if request.pseudonym in once:  # erased twice at once, but counted once
                    state.admitted = 0
                    del state.refused[:]
                once.add(request.pseudonym)

            def change(progress: cell_pb2.ShardProgress) -> None:
                for state in states:
                    _uncount(progress, state)

            entry = book.amend(replaced, now_ms=self._committer.now_ms(), change=change)
            self._committer.write({this.ref: entry}, states)

    def _recount_of(
        self, this: ShardRound, found: Sequence[Found], numbers: dict[bytes, int]
    ) -> Recount:
        """Return what is to be counted anew in a shard."""
        records = _records_of(this, found, numbers)
        touched = set(records.slices[records.counted & (records.refusals == 0)].tolist())
        with self._committer.lock:
            view = self._committer.books[this.ref].view
            there = sorted(touched & view.cells.keys())
            blocks = {start: view.cells[start].blocks for start in there}
            missing = sorted(set().union(*blocks.values()) - view.index.keys())
            if missing:
                raise ConsumerError(
                    f"{this.ref[0]}, shard {this.ref[1]}: an erasure needs blocks {missing} of the "
                    "log, which its index lacks: the cells outlived the log that could rebuild them"
                )
            spans = {block: view.index[block].offsets for block in set().union(*blocks.values())}
        feeding = {
            start: union(this.ref, [spans[block] for block in blocks[start]], this.through)
            for start in there
        }
        return Recount(this, found, records, there, missing_of(feeding, found))

    def _recount(self, group: Sequence[Recount]) -> dict[ShardRef, Cells]:
        """Count cells anew in some shards at once, without whom the first of them excludes."""
        parts: dict[ShardRef, dict[int, list[bytes]]] = {
            each.round.ref: {start: [] for start in each.slices} for each in group
        }
        counted = [
            (each.span, body) for mine in group for each in mine.found for body in each.cells
        ]
        counted += (
            (row.span, row.body)
            for row in self._replay.recount(
                {span: slices for each in group for span, slices in each.missing.items()},
                {each.round.ref: each.round.seals for each in group},
                group[0].round.excluded,
            )
        )
        for span, body in counted:
            start = cell_pb2.CellPart.FromString(body).slice_ms
            mine = parts[span.data_set, span.shard]
            if start in mine:  # else no batch counted them there, or the cell has expired
                mine[start].append(body)
        cells: dict[ShardRef, Cells] = {ref: {} for ref in parts}
        epochs = {ref: self._committer.books[ref].data_set.epoch for ref in parts}
        through = {each.round.ref: each.round.through for each in group}
        for cell in self._replay.merge(
            CountedCell(ref, start, through[ref], epochs[ref], bodies)
            for ref, by_slice in parts.items()
            for start, bodies in by_slice.items()
        ):
            cells[cell.ref][cell.slice_ms] = cell
        return cells

    def _replace_cells(self, recount: Recount, cells: Cells) -> dict[int, bytes]:
        """Write the cells of some slices; return each one's digest, empty where none is left."""
        this = recount.round
        for group in itertools.batched(recount.slices, self._committer.max_folds):
            with self._committer.lock:
                book = self._committer.books[this.ref]
                records: list[KeyedValue] = []
                for start in group:
                    if start in book.view.cells:  # else it was kept no longer, meanwhile
                        records += cell_records(
                            book.view.cells[start], cells[start], through=this.through
                        )
                entry = book.amend(records, now_ms=self._committer.now_ms())
                self._committer.write({this.ref: entry})
        return {start: cell.digest for start, cell in cells.items()}

    def _rebuilt(
        self,
        request: Request,
        before: erasure_pb2.ErasureState,
        this: ShardRound,
        records: Records,
        numbers: dict[bytes, int],
        digests: dict[int, bytes],
        cells_end: int,
    ) -> erasure_pb2.ErasureState:
        number = numbers[request.pseudonym]
        state = erasure_pb2.ErasureState()
        state.CopyFrom(before)
        state.step = REBUILT
        state.rebuilt_through = this.through
        state.rebuilt_at_ms = self._committer.now_ms()
        state.cells_end = cells_end
        mine = records.places(number)
        if not len(mine):
            return state
        state.blocks.extend(records.blocks_of(number))
        counted = mine[records.counted[mine]]
        admitted = counted[records.refusals[counted] == 0]
        refused = counted[records.refusals[counted] != 0]
        state.admitted = len(admitted)
        state.cells.extend(
            erasure_pb2.ErasedCell(slice_ms=start, digest=digests[start])
            for start in np.unique(records.slices[admitted]).tolist()
            if start in digests
        )
        for refusal, times in zip(
            *np.unique(records.refusals[refused], return_counts=True), strict=True
        ):
            state.refused.add(refusal=int(refusal), count=int(times))
        state.dead_letters.extend(np.sort(records.offsets[refused]).tolist())
        return state


def _records_of(this: ShardRound, found: Sequence[Found], numbers: dict[bytes, int]) -> Records:
    below = np.zeros(len(numbers), np.int64)
    for pseudonym, offset in zip(this.sought.pseudonyms, this.counted_below, strict=True):
        below[numbers[pseudonym]] = offset
    return Records.of(found, below)


def _uncount(progress: cell_pb2.ShardProgress, state: erasure_pb2.ErasureState) -> None:
    """Take a listener's records out of a shard's totals."""
    progress.admitted -= state.admitted
    left = {each.refusal: each.count for each in progress.refused}
    for each in state.refused:
        left[each.refusal] -= each.count
    del progress.refused[:]
    for refusal, count in sorted(left.items()):
        if count:
            progress.refused.add(refusal=refusal, count=count)
