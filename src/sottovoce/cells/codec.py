"""Cells as records of `cells.*`: small parts that default broker limits serve."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from sottovoce.cells.content import CellContent
from sottovoce.sketches import KeyCounts
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2

MAX_PART_BYTES: Final = 512 * 1024

_ENVELOPE_BYTES: Final = 256
_BLOCK_BYTES: Final = 10

type KeyedValue = tuple[bytes, bytes | None]
"""A record's key and value; no value is a tombstone."""


def base_records(
    content: CellContent,
    *,
    slice_ms: int,
    through_offset: int,
    blocks: Collection[int],
    epoch: bytes,
    max_bytes: int = MAX_PART_BYTES,
) -> list[KeyedValue]:
    """Return the records of a base: all listens of the slice at offsets below `through_offset`."""
    return _records(
        CellKeyKind.BASE, content, slice_ms, 0, through_offset, blocks, epoch, max_bytes
    )


def delta_records(
    content: CellContent,
    *,
    slice_ms: int,
    from_offset: int,
    through_offset: int,
    blocks: Collection[int],
    epoch: bytes,
    max_bytes: int = MAX_PART_BYTES,
) -> list[KeyedValue]:
    """Return the records of a delta: the slice's listens at offsets in [from, through)."""
    return _records(
        CellKeyKind.DELTA, content, slice_ms, from_offset, through_offset, blocks, epoch, max_bytes
    )


def content_of(parts: Iterable[cell_pb2.CellPart]) -> CellContent:
    """Merge parts, which may be of one base and of any deltas."""
    content = CellContent()
    for part in parts:
        for each in part.sketches:
            content.merge_bytes(each.sketch, each.data)
    return content


def _records(
    kind: CellKeyKind,
    content: CellContent,
    slice_ms: int,
    from_offset: int,
    through_offset: int,
    blocks: Collection[int],
    epoch: bytes,
    max_bytes: int,
) -> list[KeyedValue]:
    room = max(1, max_bytes - _ENVELOPE_BYTES - _BLOCK_BYTES * len(blocks))
    groups: list[list[cell_pb2.SketchBytes]] = [[]]
    used = 0
    for piece in _pieces(content, room):
        if used and used + len(piece.data) + 16 > room:
            groups.append([])
            used = 0
        groups[-1].append(piece)
        used += len(piece.data) + 16
    records: list[KeyedValue] = []
    for number, group in enumerate(groups):
        part = cell_pb2.CellPart(
            slice_ms=slice_ms,
            from_offset=from_offset,
            through_offset=through_offset,
            part=number,
            parts=len(groups),
            sketches=group,
            blocks=sorted(blocks) if number == 0 else (),
            epoch=epoch,
        )
        key = CellKey(kind, slice_ms, from_offset, number)
        records.append((key.to_bytes(), part.SerializeToString()))
    return records


def _pieces(content: CellContent, room: int) -> Iterable[cell_pb2.SketchBytes]:
    for name, sketch in content.sketches():
        data = sketch.to_bytes()
        if len(data) > room and isinstance(sketch, KeyCounts):
            for part in sketch.split(room):
                yield cell_pb2.SketchBytes(sketch=name, data=part.to_bytes())
        elif not isinstance(sketch, KeyCounts) or len(sketch):
            yield cell_pb2.SketchBytes(sketch=name, data=data)
