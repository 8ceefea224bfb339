"""Exact plays per track and pane of one slice, in about two bytes a row."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

type Keys = npt.NDArray[np.uint64]
type Counts = npt.NDArray[np.int64]

_HEAVY: Final = 255


class PaneCounts:
    """Plays by (track key, pane), sorted by key, then pane; read-only.

    A play count takes one byte; the few that are greater stand beside, with what is missing.

    **Guarantee:** every count is exact.

    Attributes:
        keys: the distinct keys, ascending.
    """

    __slots__ = ("_excess", "_heavy", "_panes", "_plays", "_starts", "keys")

    def __init__(self, keys: Keys, panes: npt.NDArray[np.uint32], plays: Counts) -> None:
        """Take rows in any order; a (key, pane) stands at most once, with plays above 0."""
        order = np.lexsort((panes, keys))
        keys, panes, plays = keys[order], panes[order], plays[order]
        begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
        self.keys: Keys = keys[begins]
        self._starts = np.append(begins, len(keys)).astype(np.int32)
        top = int(panes.max()) if len(panes) else 0
        self._panes = panes.astype(np.min_scalar_type(top))
        self._plays = np.minimum(plays, _HEAVY).astype(np.uint8)
        self._heavy = np.flatnonzero(plays > _HEAVY).astype(np.int32)
        self._excess = plays[self._heavy] - _HEAVY

    def __len__(self) -> int:
        """How many rows it has."""
        return len(self._plays)

    @property
    def nbytes(self) -> int:
        """How many bytes its arrays take."""
        tracks = self.keys.nbytes + self._starts.nbytes
        rows = self._panes.nbytes + self._plays.nbytes
        return tracks + rows + self._heavy.nbytes + self._excess.nbytes

    def _row_plays(self, begin: int = 0, end: int | None = None) -> Counts:
        plays = self._plays[begin:end].astype(np.int64)
        first, last = np.searchsorted(self._heavy, [begin, begin + len(plays)])
        plays[self._heavy[first:last] - begin] += self._excess[first:last]
        return plays

    def sums(self, first_pane: int, stop_pane: int) -> Counts:
        """Return the plays of each of `keys` in panes [first, stop)."""
        if not len(self.keys):
            return np.zeros(0, np.int64)
        plays = self._row_plays()
        plays[(self._panes < first_pane) | (self._panes >= stop_pane)] = 0
        return np.add.reduceat(plays, self._starts[:-1])

    def by_pane(self, wanted: Keys, panes: int) -> Counts:
        """Return the plays of all wanted keys together, for each of `panes` panes."""
        total = np.zeros(panes, np.int64)
        if not len(self.keys):
            return total
        places = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        for place in np.unique(places[self.keys[places] == wanted]).tolist():
            begin, end = int(self._starts[place]), int(self._starts[place + 1])
            np.add.at(total, self._panes[begin:end], self._row_plays(begin, end))
        return total

    def grouped(self, labels: npt.NDArray[np.int64], size: int, panes: int) -> Counts:
        """Return the plays by (label, pane), the label of each of `keys` given; (size, panes)."""
        if not len(self.keys):
            return np.zeros((size, panes), np.int64)
        row_labels = np.repeat(labels, np.diff(self._starts))
        flat = np.bincount(
            row_labels * panes + self._panes, weights=self._row_plays(), minlength=size * panes
        )
        return flat.astype(np.int64).reshape(size, panes)
