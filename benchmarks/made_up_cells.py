"""Made-up cells of the design's size, written straight to `cells.live` with their progress."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.ground import Ground
from benchmarks.made_up_log import TRACK_KEYS, MadeUpListens
from sottovoce.cells import CellContent, base_records
from sottovoce.kafka import TransactionalWriter
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2


def make_cells(
    ground: Ground,
    slices: int,
    listens_per_cell: int,
    variants: int,
    track_keys: npt.NDArray[np.uint64] = TRACK_KEYS,
) -> int:
    """Write complete cells for the last whole slices of every shard; return their bytes.

    A few contents are made, and stand in for many slices: what a reader holds is as large.

    Args:
        ground: where.
        slices: how many.
        listens_per_cell: listens of a cell.
        variants: how many different contents.
        track_keys: the tracks.
    """
    live = ground.live
    now_ms = time.time_ns() // 1_000_000
    last_ms = live.slice_of(now_ms - live.slice_ms)
    contents = [
        list(_parts(ground, listens_per_cell, seed, track_keys)) for seed in range(variants)
    ]
    writer = TransactionalWriter(ground.settings, "bench-cells")
    topic, written = ground.topics.cells(live.name), 0
    for number in range(slices):
        slice_ms = last_ms - number * live.slice_ms
        with writer.transaction():
            for shard in range(live.shards):
                for part in contents[(number * live.shards + shard) % variants]:
                    part.slice_ms = slice_ms
                    key = CellKey(CellKeyKind.BASE, slice_ms, 0, part.part).to_bytes()
                    value = part.SerializeToString()
                    written += len(value)
                    writer.produce(topic, key, value, partition=shard)
                writer.poll()
    with writer.transaction():
        for shard in range(live.shards):
            progress = _progress(ground, shard, last_ms + live.slice_ms, now_ms)
            writer.produce(topic, b"p", progress.SerializeToString(), partition=shard)
    return written


def _parts(
    ground: Ground, listens: int, seed: int, track_keys: npt.NDArray[np.uint64]
) -> Iterator[cell_pb2.CellPart]:
    live = ground.live
    content = CellContent()
    drawn, _ = MadeUpListens(1, seed, track_keys).draw(listens, live.slice_ms)
    drawn["end_time_ms"] = np.random.default_rng(seed).integers(0, live.slice_ms, listens)
    content.update(drawn, slice_ms=0, pane_ms=live.pane_ms)
    epoch = ground.epoch(live.name)
    for _, value in base_records(content, slice_ms=0, through_offset=1, blocks=(), epoch=epoch):
        yield cell_pb2.CellPart.FromString(value or b"")


def _progress(ground: Ground, shard: int, complete_ms: int, now_ms: int) -> cell_pb2.ShardProgress:
    return cell_pb2.ShardProgress(
        shard=shard,
        next_offset=1,
        complete_through_ms=complete_ms,
        format_version=1,
        epoch=ground.epoch(ground.live.name),
        admitted=1,
        append_time_ms=now_ms,
        committed_at_ms=now_ms,
    )
