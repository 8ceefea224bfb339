"""The log index: where in a shard's log a listener's records may be."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import zstandard

from sottovoce.cells.codec import MAX_PART_BYTES, KeyedValue
from sottovoce.cells.errors import CellsError
from sottovoce.cells.layers import Layers
from sottovoce.sketches import BloomFilter, hash_keys
from sottovoce.wire.keys import CellKey, CellKeyKind
from sottovoce.wire.v1 import cell_pb2

BLOCK_MS: Final = 3_600_000
"""A block is an hour of append time."""

FALSE_POSITIVE_RATE: Final = 0.01

type Hashes = npt.NDArray[np.uint64]


def block_of(append_time_ms: int) -> int:
    """Return the number of the block that a time of appending lies in."""
    return append_time_ms // BLOCK_MS


class BlockIndex(Layers[cell_pb2.LogIndexPart]):
    """The index of one block, by the law of `Layers`.

    While the block grows it is a set of hashes; when it is closed, a Bloom filter over them, sized
    by their number. So its content, too, does not depend on batching. What a broker whose clock
    stepped back over the hour stamps into a closed block stays a set of hashes beside the filter.

    Args:
        at: the block's number, hours of append time since 1970.
    """

    BASE = CellKeyKind.INDEX_BASE
    DELTA = CellKeyKind.INDEX_DELTA
    NAME = "the index of block"
    __slots__ = ()

    @staticmethod
    def _read(value: bytes) -> cell_pb2.LogIndexPart:
        return cell_pb2.LogIndexPart.FromString(value)

    @property
    def is_closed(self) -> bool:
        """Whether the block is a Bloom filter."""
        return any(part.HasField("bloom") for part in self._base.values())

    @property
    def offsets(self) -> tuple[int, int]:
        """First and last offset of a listen in the block."""
        parts = self._parts_that_count()
        return min(part.first_offset for part in parts), max(part.last_offset for part in parts)

    def hashes(self) -> Hashes:
        """Return the distinct hashes of listeners, sorted; of a closed block those since."""
        found = [
            unpack_hashes(part.hashes)
            for part in self._parts_that_count()
            if part.HasField("hashes")
        ]
        return distinct(np.concatenate(found)) if found else np.empty(0, np.uint64)

    def may_hold(self, pseudonym: bytes) -> bool:
        """Return whether a listener (16 big-endian bytes) may have a record in the block."""
        high, low = (
            np.array([int.from_bytes(half, "big")], np.uint64)
            for half in (pseudonym[:8], pseudonym[8:])
        )
        return self.may_hold_any(hash_keys(high, low)[0])

    def may_hold_any(self, hashes: Hashes) -> bool:
        """Return whether any of some listeners, given by their hashes, may have a record in it."""
        if self.is_closed and self._bloom().contains(hashes).any():
            return True
        return bool(np.isin(hashes, self.hashes()).any())

    def payload(self) -> bytes:
        """Return the canonical bytes: two indexes are equal exactly if these are."""
        first, last = self.offsets
        bloom = self._bloom().payload() if self.is_closed else b""
        head = (self._at, first, last, len(bloom))
        return (
            b"".join(number.to_bytes(8, "little", signed=True) for number in head)
            + bloom
            + self.hashes().tobytes()
        )

    def _bloom(self) -> BloomFilter:
        return BloomFilter.from_bytes(b"".join(part.bloom for part in self._parts_that_count()))


def distinct[T: np.integer](values: npt.NDArray[T]) -> npt.NDArray[T]:
    """Return the distinct values, sorted; faster than `np.unique`, which hashes integers."""
    if not len(values) or values.min() == values.max():
        return values[:1]
    ordered = np.sort(values)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]


def pack_hashes(hashes: Hashes) -> bytes:
    """Return sorted hashes as bytes, little-endian, compressed."""
    plain = hashes.astype("<u8").tobytes()
    return zstandard.ZstdCompressor(level=3).compress(plain)


def unpack_hashes(data: bytes) -> Hashes:
    """Read what `pack_hashes` wrote.

    Raises:
        CellsError: the bytes are damaged.
    """
    try:
        plain = zstandard.ZstdDecompressor().decompress(data)
        return np.frombuffer(plain, "<u8").astype(np.uint64)
    except (zstandard.ZstdError, ValueError) as error:
        raise CellsError(f"hashes of a log index can't be read: {error}") from error


def index_records(
    kind: CellKeyKind,
    block: int,
    hashes: Hashes,
    *,
    from_offset: int,
    through_offset: int,
    offsets: tuple[int, int],
    closed: bool = False,
    max_bytes: int = MAX_PART_BYTES,
) -> list[KeyedValue]:
    """Return the records of a block's index.

    Args:
        kind: INDEX_BASE or INDEX_DELTA.
        block: its number.
        hashes: distinct hashes of listeners, sorted.
        from_offset: first offset that a delta covers; 0 for a base.
        through_offset: the offset after the last that it covers.
        offsets: first and last offset of a listen in the block.
        closed: write the Bloom filter instead of the hashes.
        max_bytes: the most that a part may hold.
    """
    if closed:
        bloom = BloomFilter(max(1, len(hashes)), FALSE_POSITIVE_RATE)
        bloom.update(hashes)
        data = bloom.to_bytes()
        bodies = [data[at : at + max_bytes] for at in range(0, len(data), max_bytes)]
    else:
        step = max(1, max_bytes // 8 - 32)
        bodies = [pack_hashes(hashes[at : at + step]) for at in range(0, max(1, len(hashes)), step)]
    records: list[KeyedValue] = []
    for number, body in enumerate(bodies):
        part = cell_pb2.LogIndexPart(
            block=block,
            from_offset=from_offset,
            through_offset=through_offset,
            part=number,
            parts=len(bodies),
            first_offset=offsets[0],
            last_offset=offsets[1],
        )
        if closed:
            part.bloom = body
        else:
            part.hashes = body
        records.append(
            (CellKey(kind, block, from_offset, number).to_bytes(), part.SerializeToString())
        )
    return records
