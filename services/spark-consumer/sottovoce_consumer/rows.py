"""What tasks hand to the driver: rows of one Arrow schema, whose bodies are records to be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
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
        _texts([row.kind.value.encode() for row in rows]),
        _texts([row.span.data_set.encode() for row in rows]),
        _numbers([row.span.shard for row in rows], np.int32),
        _numbers([row.span.from_offset for row in rows], np.int64),
        _numbers([row.span.through_offset for row in rows], np.int64),
        _texts([row.body for row in rows]),
    ]
    arrays = [
        pa.Array.from_buffers(field.type, len(rows), [None, *map(pa.py_buffer, buffers)])
        for buffers, field in zip(columns, ARROW_SCHEMA, strict=True)
    ]
    return pa.record_batch(arrays, schema=ARROW_SCHEMA)


# From buffers, since `pa.array` loads pandas to see whether a list is one of its own: a worker's
# first batch would wait for that for a second.


def _texts(values: Sequence[bytes]) -> tuple[bytes, ...]:
    ends = itertools.accumulate(map(len, values), initial=0)
    return np.array(list(ends), np.int32).tobytes(), b"".join(values)


def _numbers(values: Sequence[int], kind: type[np.integer[Any]]) -> tuple[bytes, ...]:
    return (np.array(values, kind).tobytes(),)


def from_arrow(table: pa.Table) -> Iterator[Row]:
    """Read what `to_arrow` made; the rows of a range share it."""
    spans: dict[Range, Range] = {}
    for kind, data_set, shard, start, end, body in zip(
        *(column.to_pylist() for column in table.columns), strict=True
    ):
        span = Range(data_set, shard, start, end)
        yield Row(RowKind(kind), spans.setdefault(span, span), body)
