"""Counting one range of a shard's log: records in, rows for the driver out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from confluent_kafka import Message

from sottovoce.cells import CellContent
from sottovoce.cells.index import BLOCK_MS, distinct, pack_hashes
from sottovoce.data_sets.data_set import DataSet
from sottovoce.sketches import hash_keys
from sottovoce.sketches.key_rows import stable_order
from sottovoce.wire.listens import Listens
from sottovoce.wire.v1 import cell_pb2
from sottovoce_consumer.admission import Admission, Codes, SealTimeline
from sottovoce_consumer.decoding import Decoded
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.ranges import Range
from sottovoce_consumer.rows import Row, RowKind

DEAD_VALUE_BYTES: Final = 1_024
FLOOD: Final = 1_000
"""After so many dead letters in one range, values are kept short."""
FLOODED_VALUE_BYTES: Final = 128


COUNT_AT_ONCE: Final = 250_000
"""Listens that are counted together: the more, the fewer rows; 100 bytes of memory each."""

NOBODY_DENIED: Final = DenyList()

type Counted = tuple[Listens, npt.NDArray[np.uint64], npt.NDArray[np.int64]]


@dataclass(slots=True)
class _Block:
    hashes: list[npt.NDArray[np.uint64]]
    first: int
    last: int


class RangeCounter:
    """Counts the records of one range, in the order of their offsets.

    Args:
        span: the range.
        admission: the data set's rules.
        seals: the seals that stand before the range.
        denied: whose listens are passed over: neither admitted nor refused, nor in the log index.
    """

    def __init__(
        self,
        span: Range,
        admission: Admission,
        seals: SealTimeline,
        denied: DenyList = NOBODY_DENIED,
    ) -> None:
        self._span = span
        self._admission = admission
        self._seals = seals
        self._denied = denied
        self._found_seals: list[tuple[int, int]] = []
        self._retired: list[cell_pb2.RetiredMark] = []
        self._admitted = 0
        self._refused: dict[int, int] = {}
        self._latest_ms = 0
        self._dead = 0
        self._blocks: dict[int, _Block] = {}
        self._waiting: list[Counted] = []
        self._waiting_count = 0

    def take(self, decoded: Decoded) -> Iterator[Row]:
        """Count records; yield the rows that are due at once."""
        self._latest_ms = max(self._latest_ms, decoded.latest_ms)
        for offset, through_ms in decoded.seals:
            self._found_seals.append((offset, through_ms))
            self._seals = self._seals.with_seal(offset, through_ms)
        self._retired += [
            cell_pb2.RetiredMark(offset=offset, listener_high=high, listener_low=low)
            for offset, high, low in decoded.retired
        ]
        for bad in decoded.malformed:
            yield self._dead_letter(bad.message, cell_pb2.REFUSAL_MALFORMED, bad.detail)
        decoded = decoded.only(~self._denied.holds(decoded.listens))
        listens = decoded.listens
        if not len(listens):
            return
        sealed = self._sealed(decoded)
        refused = self._admission.judge(
            listens,
            decoded.append_ms,
            shard=self._span.shard,
            sealed_ms=sealed,
            keys_fit=decoded.keys_fit,
        )
        hashes = hash_keys(listens["listener_high"], listens["listener_low"])[0]
        blocks = decoded.append_ms // BLOCK_MS
        self._index(decoded, hashes, blocks)
        yield from self._refuse(decoded, refused, sealed)
        admitted = refused == 0
        count = int(admitted.sum())
        self._admitted += count
        if count < len(listens):
            listens, hashes, blocks = listens[admitted], hashes[admitted], blocks[admitted]
        if count:
            self._waiting.append((listens, hashes, blocks))
            self._waiting_count += count
        if self._waiting_count >= COUNT_AT_ONCE:
            yield from self._count_waiting()

    def finish(self) -> Iterator[Row]:
        """Yield what is due at the range's end: the last cells, the log index, how far it went."""
        yield from self._count_waiting()
        for block, found in sorted(self._blocks.items()):
            part = cell_pb2.LogIndexPart(
                block=block,
                from_offset=self._span.from_offset,
                through_offset=self._span.through_offset,
                parts=1,
                first_offset=found.first,
                last_offset=found.last,
                hashes=pack_hashes(distinct(np.concatenate(found.hashes))),
            )
            yield self._row(RowKind.INDEX, part.SerializeToString())
        progress = cell_pb2.ShardProgress(
            shard=self._span.shard,
            next_offset=self._span.through_offset,
            admitted=self._admitted,
            append_time_ms=self._latest_ms,
            erasures_offset=self._denied.through,
            retired=self._retired,
            seals=[
                cell_pb2.SealMark(through_ms=through, offset=offset)
                for offset, through in self._found_seals
            ],
            refused=[
                cell_pb2.RefusalCount(refusal=refusal, count=count)  # type: ignore[arg-type]
                for refusal, count in sorted(self._refused.items())
            ],
        )
        if self._admission.data_set.by_append_time:
            progress.complete_through_ms = self._admission.complete_through(self._latest_ms)
        else:
            progress.complete_through_ms = self._seals.last_ms
        yield self._row(RowKind.PROGRESS, progress.SerializeToString())

    def _row(self, kind: RowKind, body: bytes) -> Row:
        return Row(kind, self._span, body)

    def _sealed(self, decoded: Decoded) -> npt.NDArray[np.int64] | None:
        if self._admission.data_set.by_append_time:
            return None
        return sealed_where(decoded, self._seals)

    def _index(
        self, decoded: Decoded, hashes: npt.NDArray[np.uint64], blocks: npt.NDArray[np.int64]
    ) -> None:
        if blocks[0] == blocks[-1] and (blocks == blocks[0]).all():
            groups = [np.arange(len(blocks))]
        else:
            groups = [np.flatnonzero(blocks == block) for block in np.unique(blocks)]
        for places in groups:
            first, last = (decoded.messages[place].offset() or 0 for place in places[[0, -1]])
            found = self._blocks.setdefault(int(blocks[places[0]]), _Block([], first, last))
            found.last = last
            found.hashes.append(hashes[places])

    def _refuse(
        self, decoded: Decoded, refused: Codes, sealed: npt.NDArray[np.int64] | None
    ) -> Iterator[Row]:
        for place in np.flatnonzero(refused).tolist():
            refusal = int(refused[place])
            detail = self._admission.detail(
                refusal,
                decoded.listens[place],
                int(decoded.append_ms[place]),
                self._span.shard,
                0 if sealed is None else int(sealed[place]),
            )
            yield self._dead_letter(decoded.messages[place], refusal, detail)

    def _dead_letter(self, message: Message, refusal: int, detail: str) -> Row:
        self._refused[refusal] = self._refused.get(refusal, 0) + 1
        self._dead += 1
        most = DEAD_VALUE_BYTES if self._dead <= FLOOD else FLOODED_VALUE_BYTES
        value = message.value() or b""
        letter = cell_pb2.DeadLetter(
            data_set=self._span.data_set,
            shard=self._span.shard,
            offset=message.offset() or 0,
            append_time_ms=message.timestamp()[1],
            refusal=refusal,  # type: ignore[arg-type]
            detail=detail,
            key=(message.key() or b"")[:most],
            value=value[:most],
            value_size=len(value),
        )
        return self._row(RowKind.DEAD_LETTER, letter.SerializeToString())

    def _count_waiting(self) -> Iterator[Row]:
        if self._waiting:
            waiting, self._waiting, self._waiting_count = self._waiting, [], 0
            yield from count_cells(self._span, self._admission.data_set, waiting)


def sealed_where(decoded: Decoded, seals: SealTimeline) -> npt.NDArray[np.int64]:
    """Return through when everything was sealed where each listen stands."""
    if not len(decoded.listens):
        return np.empty(0, np.int64)
    first, last = (decoded.messages[place].offset() or 0 for place in (0, -1))
    ends = seals.standing_before(np.array([first, last], np.int64))
    if ends[0] == ends[1]:  # and so between them
        return np.full(len(decoded.listens), ends[0])
    return seals.standing_before(decoded.offsets())


def count_cells(span: Range, data_set: DataSet, counted: Sequence[Counted]) -> Iterator[Row]:
    """Yield a row for each cell that admitted listens of a range are in.

    Args:
        span: the range.
        data_set: whose listens they are.
        counted: admitted listens, the hashes of their listeners, the blocks that they stand in.
    """
    listens, hashes, blocks = (np.concatenate(column) for column in zip(*counted, strict=True))
    if not len(listens):
        return
    slices = listens["end_time_ms"].astype(np.int64) // data_set.slice_ms
    if (slices == slices[0]).all():
        groups: list[slice | npt.NDArray[np.intp]] = [slice(None)]
    else:
        order = stable_order(slices)
        groups = list(np.split(order, np.flatnonzero(np.diff(slices[order])) + 1))
    for places in groups:
        slice_ms = int(slices[places][0]) * data_set.slice_ms
        content = CellContent()
        content.update(
            listens[places],
            slice_ms=slice_ms,
            pane_ms=data_set.pane_ms,
            listener_hashes=hashes[places],
        )
        part = cell_pb2.CellPart(
            slice_ms=slice_ms,
            from_offset=span.from_offset,
            through_offset=span.through_offset,
            parts=1,
            sketches=[
                cell_pb2.SketchBytes(sketch=name, data=sketch.to_bytes())
                for name, sketch in content.sketches()
            ],
            blocks=distinct(blocks[places]).tolist(),
            epoch=data_set.epoch,
        )
        yield Row(RowKind.CELL, span, part.SerializeToString())
