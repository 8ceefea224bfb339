"""Merging what was counted anew of cells: in tasks, so that the driver has finished records."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from sottovoce.cells import KeyedValue, base_records, content_of
from sottovoce.wire.v1 import cell_pb2
from sottovoce_consumer.ranges import ShardRef
from sottovoce_consumer.tasks import Read

BYTES_AT_ONCE: Final = 1024 * 1024
"""A task merges about so much, or one cell: less would not be worth a task."""


@dataclass(frozen=True, slots=True)
class CountedCell:
    """What was counted anew of one cell.

    Attributes:
        ref: its shard.
        slice_ms: its slice's start.
        through: the offset through which it was counted.
        epoch: of its data set.
        parts: a `CellPart` each.
    """

    ref: ShardRef
    slice_ms: int
    through: int
    epoch: bytes
    parts: Sequence[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MergedCell:
    """A cell as it is to be.

    Attributes:
        ref: its shard.
        slice_ms: its slice's start.
        digest: the SHA-256 of its content; empty where nothing is left of it.
        records: those of its base.
    """

    ref: ShardRef
    slice_ms: int
    digest: bytes
    records: list[KeyedValue] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MergeTask:
    """Merges what was counted of some cells."""

    cells: Sequence[CountedCell]

    def run(self, _: Read) -> Iterator[MergedCell]:
        """Yield each cell."""
        for cell in self.cells:
            parts = [cell_pb2.CellPart.FromString(part) for part in cell.parts]
            content = content_of(parts)
            yield MergedCell(
                cell.ref,
                cell.slice_ms,
                hashlib.sha256(content.payload()).digest() if len(content.plays) else b"",
                base_records(
                    content,
                    slice_ms=cell.slice_ms,
                    through_offset=cell.through,
                    blocks={block for part in parts for block in part.blocks},
                    epoch=cell.epoch,
                ),
            )


def merge_tasks(cells: Iterable[CountedCell]) -> list[MergeTask]:
    """Share cells out among tasks."""
    tasks: list[MergeTask] = []
    mine: list[CountedCell] = []
    size = 0
    for cell in cells:
        mine.append(cell)
        size += sum(map(len, cell.parts))
        if size >= BYTES_AT_ONCE:
            tasks.append(MergeTask(mine))
            mine, size = [], 0
    return [*tasks, MergeTask(mine)] if mine else tasks
