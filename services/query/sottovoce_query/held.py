"""The cells of one data set as the query service holds them: views of the log, merged slices."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sottovoce.catalogue import Catalogue
from sottovoce.cells import Cell, CellContent, ShardView, content_of
from sottovoce.data_sets import DataSet, TermsTimeline
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2
from sottovoce_query.merged_slice import MergedSlice, merge_slice

_INDEX_KINDS: Final = (CellKeyKind.INDEX_BASE.encode(), CellKeyKind.INDEX_DELTA.encode())
_BASE: Final = CellKeyKind.BASE.encode()
_DELTA: Final = CellKeyKind.DELTA.encode()
_MIX: Final = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F))


@dataclass(slots=True)
class _Merged:
    """A slice as it was last merged.

    Attributes:
        content: what came out.
        through_ms: what was complete then.
        fingerprints: of each shard's cell.
    """

    content: MergedSlice
    through_ms: int
    fingerprints: dict[int, int]


class HeldCells:
    """What is held of one data set. Safe to use from several threads.

    A complete slice is merged over its shards and the parts it came from are let go of. Only a
    delta that comes after that, or a base with another content, makes it stale: then it is read
    from the log again.

    Args:
        data_set: whose cells.
        catalogue_of: the catalogue of a version.
        terms: its terms as they stand now.

    Attributes:
        settled: grows whenever a figure that was complete changes, so that it can stand in the key
            of a cache.
        skim_before_ms: of slices that end by then, records are taken in without their sketches,
            and the slices are stale: whoever reads a long log for the first time need not hold it.
    """

    def __init__(
        self,
        data_set: DataSet,
        catalogue_of: Callable[[str], Catalogue],
        terms: Callable[[], TermsTimeline],
    ) -> None:
        self.data_set = data_set
        self.settled = 0
        self.skim_before_ms = 0
        self._catalogue_of = catalogue_of
        self._terms = terms
        self._lock = threading.RLock()
        self._views = [ShardView(data_set, shard) for shard in range(data_set.shards)]
        self._merged: dict[int, _Merged] = {}
        self._stale: set[int] = set()
        self._late: set[int] = set()
        self._late_staged: list[set[int]] = [set() for _ in self._views]
        self._skimmed: set[int] = set()
        self._skimmed_staged: list[set[int]] = [set() for _ in self._views]
        self._starts: list[int] = []
        self.complete_through_ms = 0

    def apply(self, shard: int, key: bytes, value: bytes | None) -> None:
        """Take in a record of a shard's partition; `update` makes it seen."""
        if key[:1] in _INDEX_KINDS:
            return
        late = value is not None and key[:1] == _DELTA and self._is_late(key, value)
        skimmed = value is not None and key[:1] in (_BASE, _DELTA) and self._is_skimmed(key)
        with self._lock:
            if late:
                self._late_staged[shard].add(CellKey.from_bytes(key).at)
            if skimmed:
                self._skimmed_staged[shard].add(CellKey.from_bytes(key).at)
                value = _without_sketches(value or b"")
            if self._views[shard].apply_value(key, value):
                self._late |= self._late_staged[shard]
                self._late_staged[shard].clear()
                self._skimmed |= self._skimmed_staged[shard]
                self._skimmed_staged[shard].clear()

    def _is_skimmed(self, key: bytes) -> bool:
        if not self.skim_before_ms:
            return False
        return CellKey.from_bytes(key).at + self.data_set.slice_ms <= self.skim_before_ms

    def update(self) -> bool:
        """See what was applied; return whether more is complete than before."""
        with self._lock:
            changed = {slice_ms for view in self._views for slice_ms in view.take_changed()}
            for slice_ms in changed:
                self._recheck(slice_ms)
            for slice_ms in self._late:
                self._take_late(slice_ms)
            self._late.clear()
            for slice_ms in self._skimmed:
                self._take_skimmed(slice_ms)
            self._skimmed.clear()
            self._starts = sorted({start for view in self._views for start in view.cells})
            through = min(view.complete_through_ms for view in self._views)
            advanced = through > self.complete_through_ms
            self.complete_through_ms = max(through, self.complete_through_ms)
            return advanced

    def _is_late(self, key: bytes, value: bytes) -> bool:
        """Whether a delta changes a pane that was complete (a broker's clock was set)."""
        at = CellKey.from_bytes(key).at
        if at >= self.complete_through_ms:
            return False
        panes = content_of([cell_pb2.CellPart.FromString(value)]).plays.groups
        return bool(len(panes)) and (
            at + (int(panes[0]) + 1) * self.data_set.pane_ms <= self.complete_through_ms
        )

    def _take_late(self, slice_ms: int) -> None:
        merged = self._merged.get(slice_ms)
        if merged is not None and self._is_settled(merged):
            self._stale.add(slice_ms)
        else:
            self._merged.pop(slice_ms, None)
            self.settled += 1

    def _take_skimmed(self, slice_ms: int) -> None:
        cells = self._cells(slice_ms)
        if cells:
            self._stale.add(slice_ms)
        for cell in cells.values():
            if not cell.is_forgotten:
                cell.forget()

    def _is_settled(self, merged: _Merged) -> bool:
        return merged.through_ms >= merged.content.start_ms + self.data_set.slice_ms

    def _recheck(self, slice_ms: int) -> None:
        merged = self._merged.get(slice_ms)
        cells = self._cells(slice_ms)
        if not cells:
            self._merged.pop(slice_ms, None)
            self._stale.discard(slice_ms)
        elif merged is not None and self._is_settled(merged):
            for shard, cell in cells.items():
                if cell.is_forgotten:
                    continue  # tombstones of what was folded
                if fingerprint(cell.content()) == merged.fingerprints.get(shard):
                    cell.forget()  # a fold: the same content in another form
                else:
                    self._stale.add(slice_ms)

    def _cells(self, slice_ms: int) -> dict[int, Cell]:
        found = ((view.shard, view.cells.get(slice_ms)) for view in self._views)
        return {shard: cell for shard, cell in found if cell is not None}

    @property
    def terms(self) -> TermsTimeline:
        """The terms of the data set."""
        return self._terms()

    @property
    def starts(self) -> Sequence[int]:
        """The starts of the slices that hold a listen, ascending."""
        return self._starts

    def starts_within(self, start_ms: int, end_ms: int) -> Sequence[int]:
        """Return the starts of the slices held that overlap [start, end)."""
        first = bisect_left(self._starts, self.data_set.slice_of(start_ms))
        return self._starts[first : bisect_left(self._starts, end_ms)]

    @property
    def floor_ms(self) -> int:
        """Before this nothing is known any more; 0 where everything is.

        The clock of the log alone says so: a cell that is gone may be one that an erasure left
        empty, and that must not show.
        """
        retention = self.data_set.cell_retention_ms
        if retention < 0:
            return 0
        newest = max((each.append_time_ms for each in self.progress if each), default=0)
        return self.data_set.slice_of(max(0, newest - retention))

    @property
    def progress(self) -> list[cell_pb2.ShardProgress | None]:
        """Where each shard stands; None for one that committed nothing yet."""
        return [view.progress for view in self._views]

    def catalogue_version(self, time_ms: int) -> str:
        """Return the version of the catalogue that a time's slice is pinned to."""
        return self.terms.at(time_ms).catalogue_version

    def slice(self, start_ms: int) -> MergedSlice | None:
        """Return a slice with all its complete panes; None where nobody listened.

        What is in later panes may be there in part: ask for complete ranges only.
        """
        with self._lock:
            merged = self._merged.get(start_ms)
            if merged is None or not (
                self._is_settled(merged) or merged.through_ms >= self.complete_through_ms
            ):
                cells = self._cells(start_ms)
                if not cells:
                    return None
                contents = ((shard, cell.content()) for shard, cell in cells.items())
                merged = self._merge(start_ms, contents, self.complete_through_ms)
                self._merged[start_ms] = merged
                if self._is_settled(merged):
                    for cell in cells.values():
                        cell.forget()
            return merged.content

    def _merge(
        self, start_ms: int, contents: Iterable[tuple[int, CellContent]], through_ms: int
    ) -> _Merged:
        fingerprints: dict[int, int] = {}

        def noted() -> Iterator[CellContent]:
            for shard, content in contents:
                fingerprints[shard] = fingerprint(content)
                yield content

        merged = merge_slice(
            start_ms,
            self.data_set.panes_per_slice,
            noted(),
            self._catalogue_of(self.catalogue_version(start_ms)),
        )
        return _Merged(merged, through_ms, fingerprints)

    def settle_one(self) -> bool:
        """Merge one complete slice that is not yet; return whether there was one."""
        for start_ms in reversed(self._starts):
            if start_ms + self.data_set.slice_ms > self.complete_through_ms:
                continue
            merged = self._merged.get(start_ms)
            if merged is None or not self._is_settled(merged):
                self.slice(start_ms)
                return True
        return False

    @property
    def stale(self) -> set[int]:
        """Slices whose cells must be read from the log again."""
        return set(self._stale)

    def replace(self, start_ms: int, contents: Iterable[tuple[int, CellContent]]) -> None:
        """Put a slice in the place of the stale one, from the content of each shard."""
        with self._lock:
            self._merged[start_ms] = self._merge(start_ms, contents, self.complete_through_ms)
            self._stale.discard(start_ms)
            for cell in self._cells(start_ms).values():
                if not cell.is_forgotten:
                    cell.forget()
            self.settled += 1

    @property
    def merged_slices(self) -> int:
        """How many slices are merged."""
        return len(self._merged)

    @property
    def merged_bytes(self) -> int:
        """About how many bytes the merged slices take."""
        with self._lock:
            return sum(each.content.nbytes for each in self._merged.values())


def _without_sketches(value: bytes) -> bytes:
    part = cell_pb2.CellPart.FromString(value)
    part.ClearField("sketches")
    return part.SerializeToString()


def fingerprint(content: CellContent) -> int:
    """Return 64 bits that two contents of different plays hardly share; no order in it."""
    plays = content.plays
    rows = (plays.keys ^ (plays.groups.astype(np.uint64) * _MIX[0])) * _MIX[1]
    rows ^= rows >> np.uint64(29)
    rows *= _MIX[0]
    counts = plays.counts.astype(np.uint64)
    weights = counts[:, 0] + (counts[:, 1] << np.uint64(21)) + (counts[:, 2] << np.uint64(42))
    return int((rows * weights).sum(dtype=np.uint64))
