"""Where in its topic each slice stands, and reading a few slices again from there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from sottovoce.cells import Cell, CellContent
from sottovoce.kafka import KafkaSettings, LogReader
from sottovoce.kafka.offsets import Partition
from sottovoce.kafka.reading import Record
from sottovoce.wire.keys import CellKey, CellKeyKind

_PART_KINDS: Final = (CellKeyKind.BASE.encode(), CellKeyKind.DELTA.encode())
_PROGRESS: Final = CellKey(CellKeyKind.PROGRESS).to_bytes()
_BYTES_AT_ONCE: Final = 8 * 1024 * 1024

RECORDS_AT_ONCE: Final = 100
"""How many records of cells are taken from the client at once: each may have 512 KiB."""

_NOWHERE: Final = np.empty((0, 2), np.int64)

type _Offsets = npt.NDArray[np.int64]


class Places:
    """The offsets between which the parts of each slice stand, and about how large they are.

    Args:
        topic: of cells.
        shards: its partitions.
    """

    def __init__(self, topic: str, shards: int) -> None:
        self._topic = topic
        self._shards = shards
        self._offsets: dict[int, _Offsets] = {}
        self._bytes: dict[int, int] = {}
        self._staged: list[list[tuple[int, int, int]]] = [[] for _ in range(shards)]

    def note(self, record: Record) -> None:
        """Learn from a record, in order of offset within each shard.

        Parts count from their progress record on, as they do in the shard's view: what came of a
        base until then may be half of it.
        """
        staged = self._staged[record.partition]
        if record.key[:1] in _PART_KINDS:
            slice_ms = CellKey.from_bytes(record.key).at
            staged.append((slice_ms, record.offset, len(record.value or b"")))
        elif record.key == _PROGRESS:
            for each in staged:
                self._place(record.partition, *each)
            staged.clear()

    def _place(self, partition: int, slice_ms: int, offset: int, size: int) -> None:
        offsets = self._offsets.get(slice_ms)
        if offsets is None:
            offsets = self._offsets[slice_ms] = np.full((self._shards, 2), -1, np.int64)
        shard = offsets[partition]
        shard[0] = offset if shard[0] < 0 else shard[0]
        shard[1] = offset + 1
        self._bytes[slice_ms] = self._bytes.get(slice_ms, 0) + size

    def forget(self, held: Collection[int]) -> None:
        """Keep only the slices that are held."""
        for slice_ms in self._offsets.keys() - set(held):
            del self._offsets[slice_ms], self._bytes[slice_ms]

    def read(
        self, settings: KafkaSettings, slices: Collection[int]
    ) -> Iterator[tuple[int, Iterator[tuple[int, CellContent]]]]:
        """Read slices again, a few at once; yield each with its shards' contents.

        Contents are decoded as they are taken: use them before going on to the next slice.

        Raises:
            LogError: the log can't be read.
            IncompleteCellError: the log lost records.
        """
        for group in self._groups(slices):
            cells = self._read_group(settings, group)
            for slice_ms in group:
                held = cells.pop(slice_ms)
                yield slice_ms, ((shard, cell.content()) for shard, cell in held.items())

    def _groups(self, slices: Collection[int]) -> Iterator[list[int]]:
        """Yield slices in order, as many together as may be held at once."""
        group: list[int] = []
        size = 0
        for slice_ms in sorted(slices):
            mine = self._bytes.get(slice_ms, 0)
            if group and size + mine > _BYTES_AT_ONCE:
                yield group
                group, size = [], 0
            group.append(slice_ms)
            size += mine
        if group:
            yield group

    def _read_group(self, settings: KafkaSettings, group: list[int]) -> dict[int, dict[int, Cell]]:
        """Return what stands in the log of each slice, by shard."""
        cells: dict[int, dict[int, Cell]] = {slice_ms: {} for slice_ms in group}
        start: dict[Partition, int] = {}
        through: dict[Partition, int] = {}
        for slice_ms in group:
            for shard, (first, end) in enumerate(self._offsets.get(slice_ms, _NOWHERE).tolist()):
                if first >= 0:
                    pair = self._topic, shard
                    start[pair] = min(first, start.get(pair, first))
                    through[pair] = max(end, through.get(pair, end))
        if not start:
            return cells
        with LogReader(
            settings, list(start), start=start, through=through, at_once=RECORDS_AT_ONCE
        ) as reader:
            for record in reader.to_end():
                key = CellKey.from_bytes(record.key)
                if record.offset >= through[record.topic, record.partition]:
                    continue  # not in a view yet: it may be half of a base
                if key.kind in (Cell.BASE, Cell.DELTA) and key.at in cells:
                    by_shard = cells[key.at]
                    cell = by_shard.setdefault(record.partition, Cell(key.at))
                    cell.apply(key, record.value)
                    if cell.is_empty:
                        del by_shard[record.partition]
        return cells
