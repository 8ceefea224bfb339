"""Distinct items: probabilistic counting with stochastic averaging (PCSA)."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from sottovoce.sketches.errors import InvalidParameter
from sottovoce.sketches.estimate import Estimate
from sottovoce.sketches.hashing import Words, hash_items, hash_keys
from sottovoce.sketches.integers import decode_bits, decode_integers, encode_bits, encode_integers
from sottovoce.sketches.items import ItemsLike
from sottovoce.sketches.occupancy import estimate_from_occupancy
from sottovoce.sketches.sketch import Sketch

_CHUNK = 1 << 16
_SPARSE, _DENSE = 0, 1


class FlajoletMartin(Sketch):
    """Counts distinct items in a bit matrix of buckets x levels.

    The lowest bits of an item's 64-bit hash choose a bucket, the trailing zeros of the others a
    level; the item sets that bit. Items can come again, in any order: the matrix is the union.

    **Guarantee:** root-mean-square relative error near 0.65 / sqrt(buckets), .0051 by default, and
    less for few items; see `sottovoce.sketches.occupancy`. An item sets at most one bit, so the
    occupancies have sensitivity 1.

    **Source:** Flajolet & Martin, "Probabilistic counting algorithms for data base applications",
    JCSS 31 (1985), section 4.

    Args:
        buckets: a power of two from 16 to 65,536.

    >>> crowd = FlajoletMartin()
    >>> crowd.update(["ann", "bob", "ann"])
    >>> round(crowd.estimate().value)
    2
    """

    KIND = 1
    __slots__ = ("_buckets", "_rows")

    def __init__(self, buckets: int = 16384) -> None:
        if not 16 <= buckets <= 65536 or buckets & (buckets - 1):
            raise InvalidParameter(f"buckets must be a power of two from 16 to 65536: {buckets}")
        self._buckets = buckets
        self._rows: Words = np.zeros(buckets, dtype=np.uint64)  # bit j of a row: level j

    @property
    def buckets(self) -> int:
        """The number of buckets, m."""
        return self._buckets

    @property
    def levels(self) -> int:
        """The number of levels: the bits of a hash that do not choose the bucket."""
        return 65 - self._buckets.bit_length()

    def update(self, items: ItemsLike) -> None:
        """Adds items of any form that `sottovoce.sketches.items` lists."""
        self.update_hashes(hash_items(items)[0])

    def update_keys(self, high: Words, low: Words) -> None:
        """Adds 128-bit keys; the same as their numbers' 16 bytes, most significant first."""
        self.update_hashes(hash_keys(high, low)[0])

    def update_hashes(self, hashes: Words) -> None:
        """Adds items by their 64-bit hashes (uint64), the first half of the item's hash."""
        hashes = np.asarray(hashes, dtype=np.uint64)
        mask, shift = np.uint64(self._buckets - 1), np.uint64(self._buckets.bit_length() - 1)
        highest = np.uint64(1) << np.uint64(self.levels - 1)
        for begin in range(0, len(hashes), _CHUNK):
            chunk = hashes[begin : begin + _CHUNK]
            bucket = (chunk & mask).astype(np.intp)
            rest = (chunk >> shift) | highest
            bit = rest & (~rest + np.uint64(1))
            fresh = np.flatnonzero(self._rows[bucket] & bit == 0)
            np.bitwise_or.at(self._rows, bucket[fresh], bit[fresh])

    def occupancy(self) -> NDArray[np.int64]:
        """How many buckets have level j set, for each level j."""
        return self._planes().sum(axis=1, dtype=np.int64)

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """The number of distinct items."""
        return estimate_from_occupancy(self.occupancy(), self._buckets, confidence=confidence)

    def _planes(self) -> NDArray[np.bool_]:
        """The matrix as (levels, buckets)."""
        bits = np.unpackbits(
            self._rows.astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
        )
        return np.ascontiguousarray(bits[:, : self.levels].T).view(np.bool_)

    def payload(self) -> bytes:
        """The buckets' bits, 8 bytes a bucket; where few are set, their places."""
        head = bytes([self._buckets.bit_length() - 1])
        places = self._places()
        if 4 * len(places) < 8 * self._buckets:
            return head + bytes([_SPARSE]) + places.astype("<u4").tobytes()
        return head + bytes([_DENSE]) + self._rows.astype("<u8").tobytes()

    def _places(self) -> NDArray[np.int64]:
        """The set bits as level x buckets + bucket, ascending."""
        used = np.flatnonzero(self._rows)
        bits = np.unpackbits(
            self._rows[used].astype("<u8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little"
        )
        row, level = np.nonzero(bits)
        return np.sort(level * self._buckets + used[row])

    def _body(self) -> bytes:
        head = bytes([self._buckets.bit_length() - 1])
        places = self._places()
        if 4 * len(places) < self._buckets:
            gaps = (np.diff(places, prepend=-1) - 1).astype(np.uint64)
            return head + bytes([_SPARSE]) + encode_integers(gaps)
        planes = self._planes()
        mixed = np.flatnonzero(~planes.all(axis=1) & planes.any(axis=1))
        full = int(np.argmin(planes.all(axis=1)))  # the levels below are all set
        stop = int(mixed[-1]) + 1 if len(mixed) else full
        coded = [encode_bits(plane) for plane in planes[full:stop]]
        return head + bytes([_DENSE, full, stop]) + b"".join(coded)

    @classmethod
    def _restore(cls, body: bytes) -> Self:
        if body[0] > 16:
            raise ValueError(f"2^{body[0]} buckets")
        sketch = cls(1 << body[0])
        if body[1] == _SPARSE:
            gaps, _ = decode_integers(body, 2)
            level, bucket = np.divmod(np.cumsum(gaps.astype(np.int64) + 1) - 1, sketch.buckets)
            if len(level) and level[-1] >= sketch.levels:
                raise ValueError(f"a bit on level {level[-1]}")
            np.bitwise_or.at(sketch._rows, bucket, np.uint64(1) << level.astype(np.uint64))
            return sketch
        if body[1] != _DENSE:
            raise ValueError(f"unknown form {body[1]}")
        lowest, stop, offset = body[2], body[3], 4
        if max(lowest, stop) > sketch.levels:
            raise ValueError(f"bits up to level {max(lowest, stop)}")
        sketch._rows[:] = np.uint64((1 << lowest) - 1)
        for number in range(lowest, stop):
            plane, offset = decode_bits(body, offset)
            if len(plane) != sketch.buckets:
                raise ValueError(f"a level of {len(plane)} buckets")
            sketch._rows |= plane.astype(np.uint64) << np.uint64(number)
        return sketch

    def _parameters(self) -> dict[str, object]:
        return {"buckets": self._buckets}

    def _merge(self, other: Self) -> None:
        self._rows |= other._rows
