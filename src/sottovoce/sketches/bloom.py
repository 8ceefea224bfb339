"""Was this item seen? A bit array that never says no to one that was."""

import math
import struct
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sottovoce.sketches.errors import InvalidParameter
from sottovoce.sketches.estimate import Estimate, two_sided_deviate
from sottovoce.sketches.hashing import Words, hash_items, hash_keys
from sottovoce.sketches.integers import decode_bits, encode_bits
from sottovoce.sketches.items import ItemsLike
from sottovoce.sketches.sketch import Sketch

_HEAD = struct.Struct("<Qd")
_MAX_BITS = 1 << 32
_CHUNK = 1 << 14
_SHIFT = np.uint64(32)


class BloomFilter(Sketch):
    """A set of items in about 1.44 log2(1 / false_positive_rate) bits an item.

    Each item sets k bits, the places taken from one 128-bit hash by double hashing.

    **Guarantee:** an item that was added is always found. One that was not is found with
    probability (1 - (1 - 1/m)^(k n))^k after n distinct items, at most `false_positive_rate` for
    n <= capacity; m is chosen for the whole number k, so rounding k costs no accuracy.

    **Source:** Bloom, "Space/time trade-offs in hash coding with allowable errors", CACM 13 (1970);
    Kirsch & Mitzenmacher, "Less hashing, same performance: building a better Bloom filter", ESA
    2006; the estimate of n is that of linear counting (Whang et al., TODS 15, 1990).

    Args:
        capacity: the number of distinct items it is sized for.
        false_positive_rate: the rate at that number, between 0 and 1.

    >>> played = BloomFilter()
    >>> played.update(["song"])
    >>> "song" in played, "tune" in played
    (True, False)
    """

    KIND = 4
    __slots__ = ("_bits", "_capacity", "_hashes", "_rate")

    def __init__(self, capacity: int = 100_000, false_positive_rate: float = 0.01) -> None:
        if capacity < 1:
            raise InvalidParameter(f"capacity must be positive: {capacity}")
        if not 0.0 < false_positive_rate < 1.0:
            raise InvalidParameter(
                f"the false positive rate must be between 0 and 1: {false_positive_rate}"
            )
        self._capacity, self._rate = capacity, false_positive_rate
        bits, self._hashes = _design(capacity, false_positive_rate)
        if bits > _MAX_BITS:
            raise InvalidParameter(
                f"{capacity} items at a rate of {false_positive_rate} take {bits} bits, more than "
                f"{_MAX_BITS}: split the items over several filters"
            )
        self._bits = np.zeros(bits // 8, dtype=np.uint8)  # bit i: byte i // 8, bit i % 8

    @property
    def capacity(self) -> int:
        """The number of distinct items it is sized for."""
        return self._capacity

    @property
    def false_positive_rate(self) -> float:
        """The rate of false positives at `capacity` items."""
        return self._rate

    @property
    def size(self) -> int:
        """The number of bits, m."""
        return 8 * len(self._bits)

    @property
    def hashes(self) -> int:
        """How many bits an item sets, k."""
        return self._hashes

    def update(self, items: ItemsLike) -> None:
        """Adds items of any form that `sottovoce.sketches.items` lists."""
        self._set(*hash_items(items))

    def update_keys(self, high: Words, low: Words) -> None:
        """Adds 128-bit keys; the same as their numbers' 16 bytes, most significant first."""
        self._set(*hash_keys(high, low))

    def contains(self, items: ItemsLike) -> NDArray[np.bool_]:
        """For each item whether it may have been added; False is certain."""
        return self._test(*hash_items(items))

    def contains_keys(self, high: Words, low: Words) -> NDArray[np.bool_]:
        """For each 128-bit key whether it may have been added; False is certain."""
        return self._test(*hash_keys(high, low))

    def __contains__(self, item: str | bytes) -> bool:
        return bool(self.contains([item])[0])

    def _places(
        self, first: Words, second: Words, index: int
    ) -> tuple[NDArray[np.intp], NDArray[np.uint8]]:
        """The index-th bit of each item, first + index x second scaled down: byte, mask."""
        step = second | np.uint64(1)
        mixed = (first + np.uint64(index) * step) >> _SHIFT
        place = ((mixed * np.uint64(self.size)) >> _SHIFT).astype(np.intp)
        return place >> 3, np.left_shift(1, place & 7, dtype=np.uint8, casting="unsafe")

    def _set(self, first: Words, second: Words) -> None:
        for begin in range(0, len(first), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            for index in range(self._hashes):
                byte, bit = self._places(first[part], second[part], index)
                np.bitwise_or.at(self._bits, byte, bit)

    def _test(self, first: Words, second: Words) -> NDArray[np.bool_]:
        found = np.ones(len(first), dtype=np.bool_)
        for begin in range(0, len(first), _CHUNK):
            part = slice(begin, begin + _CHUNK)
            for index in range(self._hashes):
                byte, bit = self._places(first[part], second[part], index)
                found[part] &= self._bits[byte] & bit != 0
        return found

    def estimate(self, confidence: float = 0.95) -> Estimate:
        """The number of distinct items that were added, from the share of bits that are set."""
        ones = int(np.bitwise_count(self._bits).sum(dtype=np.int64))
        if ones == 0:
            return Estimate.exact(0.0)
        if ones == self.size:
            return Estimate(math.inf, 0.0, math.inf)
        load = -math.log1p(-ones / self.size)
        value = self.size * load / self._hashes
        deviation = math.sqrt(self.size * max(0.0, math.expm1(load) - load)) / self._hashes
        reach = two_sided_deviate(confidence) * deviation
        least = math.ceil(ones / self._hashes)
        return Estimate(
            max(value, least),
            float(max(least, math.floor(value - reach))),
            float(max(least, math.ceil(value + reach))),
        )

    def payload(self) -> bytes:
        """Capacity and rate, then the bits, the first one lowest in its byte."""
        return _HEAD.pack(self._capacity, self._rate) + self._bits.tobytes()

    def _body(self) -> bytes:
        return _HEAD.pack(self._capacity, self._rate) + encode_bits(
            np.unpackbits(self._bits, bitorder="little").view(np.bool_)
        )

    @classmethod
    def _restore(cls, body: bytes) -> Self:
        sketch = cls(*_HEAD.unpack_from(body))
        bits, _ = decode_bits(body, _HEAD.size)
        if len(bits) != sketch.size:
            raise ValueError(f"{len(bits)} bits where {sketch.size} should stand")
        sketch._bits = np.packbits(bits, bitorder="little")
        return sketch

    def _parameters(self) -> dict[str, object]:
        return {"capacity": self._capacity, "false_positive_rate": self._rate}

    def _merge(self, other: Self) -> None:
        self._bits |= other._bits


def _design(capacity: int, rate: float) -> tuple[int, int]:
    """The fewest bits, and the k that goes with them; whole words of bits."""
    ideal = -math.log2(rate)

    def bits(hashes: int) -> float:
        return -hashes * capacity / math.log1p(-(rate ** (1.0 / hashes)))

    hashes = min({max(1, math.floor(ideal)), max(1, math.ceil(ideal))}, key=bits)
    return max(64, 64 * math.ceil(bits(hashes) / 64)), hashes
