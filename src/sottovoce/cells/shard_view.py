"""One shard's cells as the log tells them, always as they were committed whole."""

from __future__ import annotations

from sottovoce.cells.cell import Cell
from sottovoce.cells.errors import ForeignCellsError
from sottovoce.cells.index import BlockIndex
from sottovoce.data_sets.data_set import DataSet
from sottovoce.kafka.reading import Record
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2

FORMAT_VERSION = 1
"""The version of the records of `cells.*` that this library writes; it reads none newer."""


class ShardView:
    """What the records of one partition of `cells.*` amount to.

    Records are staged and applied together when the shard's progress record comes, the last of
    each transaction. While the log is read for the first time, compaction may have left views that
    never were: use none before the end that was looked up at start.

    Args:
        data_set: whose cells these are.
        shard: which shard.

    Attributes:
        progress: the last progress record; None before the first.
        cells: by slice start, milliseconds.
        index: the log index, by block.
    """

    def __init__(self, data_set: DataSet, shard: int) -> None:
        self.data_set = data_set
        self.shard = shard
        self.progress: cell_pb2.ShardProgress | None = None
        self.cells: dict[int, Cell] = {}
        self.index: dict[int, BlockIndex] = {}
        self._staged: list[tuple[CellKey, bytes | None]] = []
        self._changed: set[int] = set()

    def apply(self, record: Record) -> bool:
        """Take in a record of this shard; return whether the view moved on.

        Raises:
            ForeignCellsError: written for another making of the data set, or by a newer version.
            KeyFormatError: no record of `cells.*`.
        """
        return self.apply_value(record.key, record.value)

    def apply_value(self, key: bytes, value: bytes | None) -> bool:
        """Like `apply`, for a key and a value."""
        parsed = CellKey.from_bytes(key)
        if parsed.kind is not CellKeyKind.PROGRESS or value is None:
            self._staged.append((parsed, value))
            return False
        progress = cell_pb2.ShardProgress.FromString(value)
        self._check(progress)
        for staged, content in self._staged:
            if staged.kind in (Cell.BASE, Cell.DELTA):
                self._changed.add(staged.at)
                _apply(self.cells, Cell, staged, content)
            elif staged.kind in (BlockIndex.BASE, BlockIndex.DELTA):
                _apply(self.index, BlockIndex, staged, content)
        self._staged.clear()
        self.progress = progress
        return True

    @property
    def complete_through_ms(self) -> int:
        """Every pane that ends at or before this is complete in this shard; 0 before the first."""
        return self.progress.complete_through_ms if self.progress is not None else 0

    def take_changed(self) -> set[int]:
        """Return the slices whose cells changed since the last call, cells that went included."""
        changed, self._changed = self._changed, set()
        return changed

    def _check(self, progress: cell_pb2.ShardProgress) -> None:
        if progress.format_version > FORMAT_VERSION:
            raise ForeignCellsError(
                f"cells of {self.data_set.name}, shard {self.shard}, are of format version "
                f"{progress.format_version}, this library reads up to {FORMAT_VERSION}: upgrade it"
            )
        if progress.epoch != self.data_set.epoch:
            raise ForeignCellsError(
                f"cells of {self.data_set.name}, shard {self.shard}, belong to another making of "
                "the data set: delete the topic of the cells, or restore the topic `catalogues`"
            )


def _apply[Held: (Cell, BlockIndex)](
    held: dict[int, Held], kind: type[Held], key: CellKey, value: bytes | None
) -> None:
    """Apply a record to what its key names, which comes and goes with its parts."""
    layers = held.get(key.at)
    if layers is None:
        layers = held[key.at] = kind(key.at)
    layers.apply(key, value)
    if layers.is_empty:
        del held[key.at]
