"""What tasks hand to the driver: rows of one Arrow schema, whose bodies are records to be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pyarrow as pa

from sottovoce_consumer.ranges import Range


class RowKind(StrEnum):
    """What a row's body is."""

    CELL = "cell"
    """A `CellPart`: all that the range adds to one cell, in one part."""
    INDEX = "index"
    """A `LogIndexPart`: what the range adds to one block's index, in one part."""
    DEAD_LETTER = "dead-letter"
    """A `DeadLetter`."""
    PROGRESS = "progress"
    """A `ShardProgress` of the range alone; each range yields one, last."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row."""

    kind: RowKind
    span: Range
    body: bytes


SPARK_SCHEMA: Final = (
    "kind string, data_set string, shard int, from_offset bigint, through_offset bigint, "
    "body binary"
)
ARROW_SCHEMA: Final = pa.schema(
    [
        ("kind", pa.string()),
        ("data_set", pa.string()),
        ("shard", pa.int32()),
        ("from_offset", pa.int64()),
        ("through_offset", pa.int64()),
        ("body", pa.binary()),
    ]
)


def to_arrow(rows: Sequence[Row]) -> pa.RecordBatch:
    """Return rows as one Arrow batch."""
    columns = [
        [row.kind.value for row in rows],
        [row.span.data_set for row in rows],
        [row.span.shard for row in rows],
        [row.span.from_offset for row in rows],
        [row.span.through_offset for row in rows],
        [row.body for row in rows],
    ]
    arrays = [
        pa.array(column, field.type) for column, field in zip(columns, ARROW_SCHEMA, strict=True)
    ]
    return pa.record_batch(arrays, schema=ARROW_SCHEMA)


def from_arrow(table: pa.Table) -> Iterator[Row]:
    """Read what `to_arrow` made."""
    for kind, data_set, shard, start, end, body in zip(
        *(column.to_pylist() for column in table.columns), strict=True
    ):
        yield Row(RowKind(kind), Range(data_set, shard, start, end), body)
