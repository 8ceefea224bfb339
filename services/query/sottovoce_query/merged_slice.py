"""One slice, merged over its shards and joined with its pinned catalogue, kept compactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import UNKNOWN, Catalogue
from sottovoce.cells import FIRSTS_OF_ARTIST, FIRSTS_OF_TRACK, PLAYS, CellContent
from sottovoce.sketches import BottomKSample, FlajoletMartin, KeyCounts
from sottovoce_query.packed import Counts, Keys, PackedCounts
from sottovoce_query.pane_counts import PaneCounts, smallest


@dataclass(frozen=True, slots=True, eq=False)
class MergedSlice:
    """What is known of a slice.

    Keys are canonical: a track that a listen named by artist and title stands under its id, where
    the catalogue that the slice is pinned to has it.

    Attributes:
        start_ms: the slice's start.
        catalogue_version: the catalogue it is pinned to.
        tracks: plays by track and pane.
        plays: plays of each of `tracks.keys` in the whole slice.
        firsts_of_track: first-of-track marks of each.
        firsts_of_artist: first-of-artist marks of each.
        pane_plays: all plays of each pane.
        arrivals: listeners new in the slice, for each pane.
        countries: country codes that occur, ascending.
        country_plays: plays by (country, pane).
        packed_listeners: the sketch of distinct listeners, as bytes.
        sample: listens with the smallest event ids.
    """

    start_ms: int
    catalogue_version: str
    tracks: PaneCounts
    plays: PackedCounts
    firsts_of_track: PackedCounts
    firsts_of_artist: PackedCounts
    pane_plays: npt.NDArray[np.uint32]
    arrivals: npt.NDArray[np.uint32]
    countries: npt.NDArray[np.uint32]
    country_plays: npt.NDArray[np.uint32]
    packed_listeners: bytes
    sample: BottomKSample

    @property
    def listeners(self) -> FlajoletMartin:
        """The sketch of distinct listeners."""
        return FlajoletMartin.from_bytes(self.packed_listeners)

    @property
    def nbytes(self) -> int:
        """About how many bytes it takes."""
        arrays = (
            *(self.plays, self.firsts_of_track, self.firsts_of_artist),
            *(self.pane_plays, self.arrivals, self.countries, self.country_plays),
        )
        sketches = len(self.packed_listeners) + 300 * len(self.sample)
        return self.tracks.nbytes + sum(each.nbytes for each in arrays) + sketches


def merge_slice(
    start_ms: int, panes: int, contents: Iterable[CellContent], catalogue: Catalogue
) -> MergedSlice:
    """Merge the cells of a slice.

    Args:
        start_ms: the slice's start.
        panes: panes in a slice.
        contents: one for each shard that has a cell; they stay as they are, and are looked at one
            after the other, so that they need not all be there at once.
        catalogue: the one that the slice is pinned to.
    """
    rest = CellContent()
    parts = [_Rows.none()]
    for content in contents:
        parts.append(_Rows.of(content.plays, catalogue))
        rest.countries.merge(content.countries)
        rest.arrivals.merge(content.arrivals)
        rest.listeners.merge(content.listeners)
        rest.sample.merge(content.sample)
    rows = _Rows.joined(parts)
    keys, places = np.unique(rows.keys, return_inverse=True)
    countries, country_plays = _by_pane(rest.countries, panes)
    arrivals = np.zeros(panes, np.uint32)
    groups, sums = rest.arrivals.by_group()
    arrivals[groups] = sums[:, 0]
    return MergedSlice(
        start_ms=start_ms,
        catalogue_version=catalogue.version if len(catalogue) else "",
        tracks=_pane_counts(keys, places, rows, panes, catalogue.keys),
        plays=PackedCounts(_sums(places, rows.plays, len(keys))),
        firsts_of_track=PackedCounts(_sums(places, rows.firsts_of_track, len(keys))),
        firsts_of_artist=PackedCounts(_sums(places, rows.firsts_of_artist, len(keys))),
        pane_plays=_sums(rows.panes, rows.plays, panes).astype(np.uint32),
        arrivals=arrivals,
        countries=countries,
        country_plays=country_plays,
        packed_listeners=rest.listeners.to_bytes(),
        sample=rest.sample,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Counts by (canonical key, pane) of some shards, each column in the smallest type."""

    keys: Keys
    panes: npt.NDArray[np.unsignedinteger]
    plays: npt.NDArray[np.unsignedinteger]
    firsts_of_track: npt.NDArray[np.unsignedinteger]
    firsts_of_artist: npt.NDArray[np.unsignedinteger]

    @staticmethod
    def none() -> _Rows:
        return _Rows(np.zeros(0, np.uint64), *(np.zeros(0, np.uint8) for _ in range(4)))

    @staticmethod
    def of(plays: KeyCounts, catalogue: Catalogue) -> _Rows:
        columns = (PLAYS, FIRSTS_OF_TRACK, FIRSTS_OF_ARTIST)
        return _Rows(
            canonical_keys(plays.keys, catalogue),
            smallest(plays.groups),
            *(smallest(plays.counts[:, column]) for column in columns),
        )

    @staticmethod
    def joined(parts: list[_Rows]) -> _Rows:
        columns = [each.name for each in fields(_Rows)]
        return _Rows(*(np.concatenate([getattr(part, c) for part in parts]) for c in columns))


def _pane_counts(
    keys: Keys, places: Counts, rows: _Rows, panes: int, catalogue_keys: Keys
) -> PaneCounts:
    """Add up the rows of the same key and pane."""
    codes = places * panes + rows.panes
    order = np.argsort(codes)
    codes, plays = codes[order], rows.plays[order].astype(np.int64)
    begins = np.flatnonzero(np.diff(codes, prepend=-1))
    codes, sums = codes[begins], np.add.reduceat(plays, begins) if len(plays) else plays
    in_panes = (codes % panes).astype(np.uint32)
    return PaneCounts(keys[codes // panes], in_panes, sums, catalogue_keys)


def _sums(
    places: npt.NDArray[np.integer], counts: npt.NDArray[np.unsignedinteger], size: int
) -> Counts:
    """Add up counts by place; a slice has far fewer than 2^53 listens, so floats are exact."""
    return np.bincount(places, weights=counts, minlength=size).astype(np.int64)


def canonical_keys(keys: Keys, catalogue: Catalogue) -> Keys:
    """Return the key under which each track counts; its own where the catalogue lacks it."""
    rows = catalogue.rows(keys)
    known = rows != UNKNOWN
    canonical = keys.copy()
    canonical[known] = catalogue.keys[rows[known]]
    return canonical


def _by_pane(
    counts: KeyCounts, panes: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    keys, places = np.unique(counts.keys, return_inverse=True)
    table = np.zeros((len(keys), panes), np.uint32)
    table[places, counts.groups] = counts.counts[:, 0]
    return keys.astype(np.uint32), table


__all__ = ["Counts", "Keys", "MergedSlice", "canonical_keys", "merge_slice"]
