"""What takes the place of a cell or a log index that an erased listener was in."""

from __future__ import annotations

from collections.abc import Iterable

from sottovoce.cells import BlockIndex, Cell, KeyedValue, index_records
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce_consumer.errors import ConsumerError
from sottovoce_consumer.merging import MergedCell
from sottovoce_consumer.tasks import BlockHashes

_BASES = (CellKeyKind.BASE, CellKeyKind.INDEX_BASE)


def cell_records(cell: Cell, merged: MergedCell, *, through: int) -> list[KeyedValue]:
    """Return the records after which a cell is what was merged and the deltas from `through` on.

    Where nothing is left, all of the cell goes.

    Raises:
        ConsumerError: the cell was folded beyond `through`.
    """
    _check(cell, through)
    records: list[KeyedValue] = []
    if merged.digest or _has_later(cell, through):
        records += merged.records
    return records + _stale(cell.record_keys(), records, through)


def block_records(
    index: BlockIndex, others: BlockHashes | None, *, block: int, through: int
) -> list[KeyedValue]:
    """Return the records after which a block's index is that of `others` and what came since.

    Raises:
        ConsumerError: the index was folded beyond `through`.
    """
    _check(index, through)
    records: list[KeyedValue] = []
    if others is not None:
        records = index_records(
            CellKeyKind.INDEX_BASE,
            block,
            others.hashes,
            from_offset=0,
            through_offset=through,
            offsets=(others.first, others.last),
            closed=index.is_closed,
        )
    return records + _stale(index.record_keys(), records, through)


def _check(layers: Cell | BlockIndex, through: int) -> None:
    if layers.base_through > through:
        raise ConsumerError(
            f"a base of {layers.NAME} goes through offset {layers.base_through} while an erasure "
            f"rebuilds it through {through}: it must not have been folded"
        )


def _has_later(cell: Cell, through: int) -> bool:
    return any(start >= through for start in cell.delta_offsets)


def _stale(keys: Iterable[CellKey], records: list[KeyedValue], through: int) -> list[KeyedValue]:
    written = {key for key, _ in records}
    old = {key.to_bytes() for key in keys if key.kind in _BASES or key.from_offset < through}
    return [(key, None) for key in sorted(old - written)]
