"""Exact plays per track and pane of one slice, in about half a byte a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import zstandard

from sottovoce_query.packed import Counts, Keys, PackedKeys

_HEAVY: Final = 255
_LEVEL: Final = 3


@dataclass(frozen=True, slots=True)
class _Rows:
    """Unpacked rows, by key, then pane.

    Attributes:
        begins: where the rows of each key begin.
        panes: of each row.
        plays: of each row.
    """

    begins: npt.NDArray[np.int64]
    panes: npt.NDArray[np.int64]
    plays: Counts


class PaneCounts:
    """Plays by (track key, pane), sorted by key, then pane; read-only.

    Rows are kept as the steps between the panes of a key and a byte of plays, compressed: they are
    unpacked for each question, in a few nanoseconds a row. The few plays that are more than a byte
    stand beside, with what is missing.

    **Guarantee:** every count is exact.

    Args:
        keys: of each row, in any order; a (key, pane) stands at most once.
        panes: of each row.
        plays: of each row, above 0.
        catalogue_keys: keys that many slices have, ascending; they are kept once.
    """

    __slots__ = ("_excess", "_heavy", "_keys", "_packed", "_size", "_types")

    def __init__(
        self, keys: Keys, panes: npt.NDArray[np.uint32], plays: Counts, catalogue_keys: Keys
    ) -> None:
        order = np.lexsort((panes, keys))
        keys, panes, plays = keys[order], panes[order], plays[order]
        begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
        self._keys = PackedKeys(keys[begins], catalogue_keys)
        self._size = len(keys)
        self._heavy = np.flatnonzero(plays > _HEAVY).astype(np.int32)
        self._excess = plays[self._heavy] - _HEAVY
        steps = np.diff(panes, prepend=np.uint32(0))
        steps[begins] = panes[begins]
        columns = [
            smallest(np.diff(begins, append=len(keys))),
            smallest(steps),
            np.minimum(plays, _HEAVY).astype(np.uint8),
        ]
        self._types = [each.dtype for each in columns]
        plain = b"".join(each.tobytes() for each in columns)
        # A copy: what the compressor returns keeps the room that it was given.
        self._packed = bytes(memoryview(zstandard.ZstdCompressor(level=_LEVEL).compress(plain)))

    def __len__(self) -> int:
        """How many rows it has."""
        return self._size

    @property
    def keys(self) -> Keys:
        """The distinct keys, ascending."""
        return self._keys.unpack()

    @property
    def nbytes(self) -> int:
        """How many bytes it takes."""
        return self._keys.nbytes + self._heavy.nbytes + self._excess.nbytes + len(self._packed)

    def _unpack(self) -> _Rows:
        plain = zstandard.ZstdDecompressor().decompress(self._packed)
        columns, offset = [], 0
        for dtype, size in zip(self._types, (len(self._keys), *2 * (self._size,)), strict=True):
            columns.append(np.frombuffer(plain, dtype, size, offset).astype(np.int64))
            offset += size * dtype.itemsize
        lengths, steps, plays = columns
        begins = np.cumsum(lengths) - lengths
        climbed = np.cumsum(steps)
        panes = climbed - np.repeat(climbed[begins] - steps[begins], lengths)
        plays[self._heavy] += self._excess
        return _Rows(begins, panes, plays)

    def sums(self, first_pane: int, stop_pane: int) -> Counts:
        """Return the plays of each of `keys` in panes [first, stop)."""
        if not self._size:
            return np.zeros(0, np.int64)
        rows = self._unpack()
        rows.plays[(rows.panes < first_pane) | (rows.panes >= stop_pane)] = 0
        sums: Counts = np.add.reduceat(rows.plays, rows.begins)
        return sums

    def by_pane(self, wanted: Keys, panes: int) -> Counts:
        """Return the plays of all wanted keys together, for each of `panes` panes."""
        both = self.grouped(np.isin(self.keys, wanted).astype(np.int64), 2, panes)
        wanted_plays: Counts = both[1, :]
        return wanted_plays

    def grouped(self, labels: npt.NDArray[np.int64], size: int, panes: int) -> Counts:
        """Return the plays by (label, pane), the label of each of `keys` given; (size, panes)."""
        if not self._size:
            return np.zeros((size, panes), np.int64)
        rows = self._unpack()
        places = np.repeat(labels * panes, np.diff(rows.begins, append=self._size)) + rows.panes
        flat = np.bincount(places, weights=rows.plays, minlength=size * panes)
        return flat.astype(np.int64).reshape(size, panes)


def smallest(values: npt.NDArray[np.integer]) -> npt.NDArray[np.unsignedinteger]:
    """Return counts in the smallest type that holds them."""
    return values.astype(np.min_scalar_type(int(values.max()) if len(values) else 0))
