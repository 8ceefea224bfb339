"""Packed hash tables over numpy arrays: 16 bytes a place, whole batches at once.

A key is two 64-bit words, the first of them neither 0 nor 2^64 - 1. Collisions are resolved by
linear probing; comparison is exact. At most three quarters of the places are taken. A key that is
dropped alone leaves a grave, so that those behind it are still found.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

type Words = npt.NDArray[np.uint64]

_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0x9E3779B97F4A7C15)
_GRAVE = np.uint64(2**64 - 1)
_SMALLEST = 1 << 10
ABSENT = -1


class PackedKeys:
    """A set of keys; each key has a place, at which a subclass may keep more."""

    def __init__(self) -> None:
        self._size = 0
        self._graves = 0
        self._allocate(_SMALLEST)

    def __len__(self) -> int:
        return self._size

    @property
    def nbytes(self) -> int:
        """Bytes that the tables take."""
        return self._first.nbytes + self._second.nbytes

    def _allocate(self, places: int) -> None:
        self._first = np.zeros(places, np.uint64)
        self._second = np.zeros(places, np.uint64)

    def _homes(self, first: Words, second: Words) -> npt.NDArray[np.int64]:
        mixed = (first * _MIX_2) ^ second
        mixed ^= mixed >> np.uint64(31)
        mixed *= _MIX_1
        mixed ^= mixed >> np.uint64(33)
        return (mixed & np.uint64(len(self._first) - 1)).astype(np.int64)

    def places(self, first: Words, second: Words) -> npt.NDArray[np.int64]:
        """Return each key's place, `ABSENT` for a key that is not there."""
        found = np.full(len(first), ABSENT, np.int64)
        mask = len(self._first) - 1
        place = self._homes(first, second)
        pending = np.arange(len(first))
        while pending.size:
            there = self._first[place]
            hit = (there == first[pending]) & (self._second[place] == second[pending])
            found[pending[hit]] = place[hit]
            on = ~hit & (there != 0)
            pending = pending[on]
            place = (place[on] + 1) & mask
        return found

    def contains(self, first: Words, second: Words) -> npt.NDArray[np.bool_]:
        """Return for each key whether it is there."""
        there: npt.NDArray[np.bool_] = self.places(first, second) != ABSENT
        return there

    def add(self, first: Words, second: Words) -> npt.NDArray[np.int64]:
        """Add keys that are distinct and not there; return their places."""
        self._make_room(len(first))
        taken = np.empty(len(first), np.int64)
        mask = len(self._first) - 1
        place = self._homes(first, second)
        pending = np.arange(len(first))
        while pending.size:
            free = self._first[place] == 0
            # Of several keys that want one place, the one whose write is left standing has it.
            self._first[place[free]] = first[pending[free]]
            self._second[place[free]] = second[pending[free]]
            here = (
                free
                & (self._first[place] == first[pending])
                & (self._second[place] == second[pending])
            )
            taken[pending[here]] = place[here]
            pending = pending[~here]
            place = (place[~here] + 1) & mask
        self._size += len(first)
        return taken

    def drop_before(self, first: int) -> None:
        """Forget every key whose first word is smaller."""
        kept = np.flatnonzero((self._first >= np.uint64(max(first, 1))) & (self._first != _GRAVE))
        if len(kept) < self._size:
            self._rebuild(kept, _places_for(len(kept)))

    def drop_masked(self, mask: int, bits: int) -> None:
        """Forget every key whose first word has these bits under a mask."""
        hit = self._first & np.uint64(mask) == np.uint64(bits)
        dropped = np.flatnonzero(hit & (self._first != 0) & (self._first != _GRAVE))
        self._first[dropped] = _GRAVE
        self._second[dropped] = 0
        self._size -= len(dropped)
        self._graves += len(dropped)

    def _make_room(self, more: int) -> None:
        if _places_for(self._size + self._graves + more) > len(self._first):
            kept = np.flatnonzero((self._first != 0) & (self._first != _GRAVE))
            self._rebuild(kept, _places_for(self._size + more))

    def _rebuild(self, kept: npt.NDArray[np.int64], places: int) -> npt.NDArray[np.int64]:
        first, second = self._first[kept], self._second[kept]
        self._allocate(places)
        self._size = self._graves = 0
        return self.add(first, second)


class PackedCounts(PackedKeys):
    """Counts by key; the second word of a key is 0."""

    def _allocate(self, places: int) -> None:
        super()._allocate(places)
        self._counts = np.zeros(places, np.uint32)

    @property
    def nbytes(self) -> int:
        """Bytes that the tables take."""
        return super().nbytes + self._counts.nbytes

    def get(self, keys: Words) -> npt.NDArray[np.int64]:
        """Return each key's count, 0 for a key that is not there."""
        places = self.places(keys, np.zeros_like(keys))
        return np.where(places == ABSENT, 0, self._counts[places]).astype(np.int64)

    def increase(self, keys: Words, by: npt.NDArray[np.int64]) -> None:
        """Add to the counts of distinct keys."""
        zeros = np.zeros_like(keys)
        absent = ~self.contains(keys, zeros)
        self.add(keys[absent], zeros[absent])
        self._counts[self.places(keys, zeros)] += by.astype(np.uint32)

    def _rebuild(self, kept: npt.NDArray[np.int64], places: int) -> npt.NDArray[np.int64]:
        counts = self._counts[kept]
        taken = super()._rebuild(kept, places)
        self._counts[taken] = counts
        return taken


def _places_for(keys: int) -> int:
    places = _SMALLEST
    while places * 3 < keys * 4:
        places *= 2
    return places
