"""What a batch adds to a shard's log index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sottovoce.cells import BlockIndex, KeyedValue, index_records
from sottovoce.cells.index import block_of, distinct, unpack_hashes
from sottovoce.wire.keys import CellKeyKind
from sottovoce.wire.v1 import cell_pb2


def index_batch(
    index: Mapping[int, BlockIndex],
    parts: Iterable[cell_pb2.LogIndexPart],
    progress: cell_pb2.ShardProgress,
    *,
    since: int,
    deltas_per_base: int,
    may_fold: bool,
) -> list[KeyedValue]:
    """Return the records that a batch adds; blocks that no record can enter any more are closed.

    Args:
        index: the shard's, by block.
        parts: what the batch's ranges found.
        progress: the shard's behind the batch.
        since: the offset that the batch began at.
        deltas_per_base: how many deltas are folded.
        may_fold: whether blocks may be folded and closed at all.
    """
    touched: dict[int, list[cell_pb2.LogIndexPart]] = {}
    for part in parts:
        touched.setdefault(part.block, []).append(part)
    newest = block_of(progress.append_time_ms)
    due = {
        block for block, each in index.items() if may_fold and block < newest and not each.is_closed
    }
    records: list[KeyedValue] = []
    for block in sorted(touched.keys() | due):
        known = index.get(block)
        mine = touched.get(block, [])
        is_closed = known is not None and known.is_closed
        closing = may_fold and block < newest and not is_closed
        full = known is not None and len(known.delta_offsets) + 1 >= deltas_per_base
        full |= known is None and deltas_per_base <= 1
        if closing or (may_fold and full and not is_closed):
            records += _folded(block, known, mine, progress.next_offset, closing)
        else:
            records += _records(
                CellKeyKind.INDEX_DELTA, block, mine, [], since, progress.next_offset, False
            )
    return records


def _folded(
    block: int,
    known: BlockIndex | None,
    parts: Sequence[cell_pb2.LogIndexPart],
    through: int,
    closing: bool,
) -> list[KeyedValue]:
    """Return a base of all that is known of a block, and tombstones for what it was."""
    layers = [known] if known is not None else []
    records = _records(CellKeyKind.INDEX_BASE, block, parts, layers, 0, through, closing)
    stale = {key.to_bytes() for each in layers for key in each.record_keys()}
    stale.difference_update(key for key, _ in records)
    return records + [(key, None) for key in sorted(stale)]


def _records(
    kind: CellKeyKind,
    block: int,
    parts: Sequence[cell_pb2.LogIndexPart],
    layers: Sequence[BlockIndex],
    since: int,
    through: int,
    closed: bool,
) -> list[KeyedValue]:
    hashes = [unpack_hashes(part.hashes) for part in parts] + [each.hashes() for each in layers]
    offsets = [(part.first_offset, part.last_offset) for part in parts]
    offsets += [each.offsets for each in layers]
    return index_records(
        kind,
        block,
        distinct(np.concatenate(hashes)),
        from_offset=since,
        through_offset=through,
        offsets=(min(first for first, _ in offsets), max(last for _, last in offsets)),
        closed=closed,
    )
