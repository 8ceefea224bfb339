"""Columns of a merged slice in few bytes: unpacked for each question, in microseconds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sottovoce.sketches.integers import decode_integers, encode_integers
from sottovoce.sketches.key_rows import find_sorted

type Keys = npt.NDArray[np.uint64]
type Counts = npt.NDArray[np.int64]


class PackedCounts:
    """Counts in a few bits each, since most are small; read-only."""

    __slots__ = ("_bytes",)

    def __init__(self, counts: npt.NDArray[np.integer]) -> None:
        self._bytes = encode_integers(counts.astype(np.uint64))

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""
        return len(self._bytes)

    def unpack(self) -> Counts:
        """Return the counts."""
        counts, _ = decode_integers(self._bytes, 0)
        return counts.astype(np.int64)


class PackedKeys:
    """Distinct keys, ascending: those of a list that many share take a bit of it each; read-only.

    Args:
        keys: distinct and ascending.
        shared: distinct and ascending, and kept elsewhere anyway.
    """

    __slots__ = ("_bits", "_others", "_shared", "_size")

    def __init__(self, keys: Keys, shared: Keys) -> None:
        self._size = len(keys)
        self._shared = shared
        places, found = find_sorted(shared, keys)
        bits = np.zeros(len(shared), np.bool_)
        bits[places[found]] = True
        self._bits = np.packbits(bits)
        self._others = keys[~found]

    def __len__(self) -> int:
        """How many there are."""
        return self._size

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""
        return self._bits.nbytes + self._others.nbytes

    def unpack(self) -> Keys:
        """Return the keys."""
        bits = np.unpackbits(self._bits, count=len(self._shared)).view(np.bool_)
        keys = self._shared[bits]
        if len(self._others):
            keys = np.insert(keys, np.searchsorted(keys, self._others), self._others)
        return keys
