"""What is rebuilt at once of a shard, and the records that were found for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sottovoce.erasure.book import DENIED, Request
from sottovoce.wire.v1 import erasure_pb2
from sottovoce_consumer.admission import SealTimeline
from sottovoce_consumer.books import ShardBook
from sottovoce_consumer.denying import DenyList
from sottovoce_consumer.erasures import Erasures
from sottovoce_consumer.ranges import Range, ShardRef
from sottovoce_consumer.replaying import union
from sottovoce_consumer.tasks import Found

type Pairs = Sequence[tuple[Request, erasure_pb2.ErasureState]]


@dataclass(frozen=True, slots=True)
class ShardRound:
    """What is to be rebuilt of one shard at once, for however many erasures.

    Attributes:
        ref: which shard.
        pairs: the erasures.
        through: from here on every batch denies all of their listeners.
        sought: their listeners.
        excluded: whom the rebuilt cells leave out: those, and whoever was erased before and has
            not been seen gone.
        seals: the shard's.
        spans: first and last offset of each block that may hold one of them.
        counted_below: by the listeners' numbers, the offset below which batches counted them.
    """

    ref: ShardRef
    pairs: Pairs
    through: int
    sought: DenyList
    excluded: DenyList
    seals: SealTimeline
    spans: list[tuple[int, int]]
    counted_below: npt.NDArray[np.int64]

    @property
    def ranges(self) -> list[Range]:
        """Where their records may be."""
        return union(self.ref, self.spans, self.through)


@dataclass(frozen=True, slots=True)
class Records:
    """The records of a round's listeners: number, offset, block, slice and refusal of each.

    Attributes:
        counted: whether a batch counted it, or refused it.
        by_number: the places of all, by their listeners' numbers.
    """

    numbers: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.int64]
    blocks: npt.NDArray[np.int64]
    slices: npt.NDArray[np.int64]
    refusals: npt.NDArray[np.uint8]
    counted: npt.NDArray[np.bool_]
    by_number: npt.NDArray[np.int64]

    @classmethod
    def of(cls, found: Sequence[Found], counted_below: npt.NDArray[np.int64]) -> Records:
        """Join what a search found in one shard."""
        none = np.empty(0, np.int64)
        numbers = np.concatenate([none, *(each.numbers for each in found)])
        offsets = np.concatenate([none, *(each.offsets for each in found)])
        return cls(
            numbers,
            offsets,
            np.concatenate([none, *(each.blocks for each in found)]),
            np.concatenate([none, *(each.slices for each in found)]),
            np.concatenate([np.empty(0, np.uint8), *(each.refusals for each in found)]),
            offsets < counted_below[numbers],
            np.argsort(numbers, kind="stable"),
        )

    def places(self, number: int) -> npt.NDArray[np.int64]:
        """Return the places of a listener's records in the arrays."""
        first, last = np.searchsorted(self.numbers, [number, number + 1], sorter=self.by_number)
        return self.by_number[first:last]

    def blocks_of(self, number: int) -> Iterator[erasure_pb2.ErasedBlock]:
        """Yield where a listener's records stand."""
        mine = self.places(number)
        blocks, all_offsets = self.blocks[mine], self.offsets[mine]
        for block in np.unique(blocks).tolist():
            offsets = all_offsets[blocks == block]
            yield erasure_pb2.ErasedBlock(
                block=block,
                first_offset=int(offsets.min()),
                last_offset=int(offsets.max()),
                records=len(offsets),
            )


def round_of(ref: ShardRef, book: ShardBook, erasures: Erasures) -> ShardRound | None:
    """Return what waits to be rebuilt in a shard; None where nothing does."""
    pairs = erasures.at(ref, DENIED)
    if not pairs:
        return None
    below: dict[bytes, int] = {}
    for request, state in pairs:
        counted = 0 if erasures.was_rebuilt(request.pseudonym, ref) else state.denied_from
        below[request.pseudonym] = min(counted, below.get(request.pseudonym, counted))
    listeners = DenyList.of(below)
    hashes = listeners.hashes()
    return ShardRound(
        ref,
        pairs,
        max(state.denied_from for _, state in pairs),
        listeners,
        erasures.excluded(ref),
        book.seals,
        [each.offsets for each in book.view.index.values() if each.may_hold_any(hashes)],
        np.array(list(below.values()), np.int64),
    )
