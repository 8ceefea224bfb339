"""One slice, merged over its shards and joined with its pinned catalogue, kept compactly."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sottovoce.catalogue import UNKNOWN, Catalogue
from sottovoce.cells import FIRSTS_OF_ARTIST, FIRSTS_OF_TRACK, PLAYS, CellContent
from sottovoce.sketches import BottomKSample, FlajoletMartin, KeyCounts
from sottovoce_query.pane_counts import Counts, Keys, PaneCounts


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
        listeners: the sketch of distinct listeners.
        sample: listens with the smallest event ids.
    """

    start_ms: int
    catalogue_version: str
    tracks: PaneCounts
    plays: npt.NDArray[np.uint32]
    firsts_of_track: npt.NDArray[np.uint32]
    firsts_of_artist: npt.NDArray[np.uint32]
    pane_plays: npt.NDArray[np.uint32]
    arrivals: npt.NDArray[np.uint32]
    countries: npt.NDArray[np.uint32]
    country_plays: npt.NDArray[np.uint32]
    listeners: FlajoletMartin
    sample: BottomKSample

    @property
    def nbytes(self) -> int:
        """About how many bytes it takes."""
        arrays = (
            *(self.plays, self.firsts_of_track, self.firsts_of_artist),
            *(self.pane_plays, self.arrivals, self.countries, self.country_plays),
        )
        sketches = 8 * self.listeners.buckets + 300 * len(self.sample)
        return self.tracks.nbytes + sum(each.nbytes for each in arrays) + sketches


def merge_slice(
    start_ms: int, panes: int, contents: Iterable[CellContent], catalogue: Catalogue
) -> MergedSlice:
    """Merge the cells of a slice.

    Args:
        start_ms: the slice's start.
        panes: panes in a slice.
        contents: one for each shard that has a cell; they stay as they are.
        catalogue: the one that the slice is pinned to.
    """
    whole = CellContent()
    for content in contents:
        whole.merge(content)
    plays = _canonical(whole.plays, catalogue)
    tracks = PaneCounts(plays.keys, plays.groups, plays.counts[:, PLAYS])
    _, totals = plays.by_key()  # by ascending key, as `tracks.keys`
    small = totals.astype(np.uint32)
    countries, country_plays = _by_pane(whole.countries, panes)
    pane_plays = np.zeros(panes, np.uint32)
    groups, sums = plays.by_group()
    pane_plays[groups] = sums[:, PLAYS]
    arrivals = np.zeros(panes, np.uint32)
    groups, sums = whole.arrivals.by_group()
    arrivals[groups] = sums[:, 0]
    return MergedSlice(
        start_ms=start_ms,
        catalogue_version=catalogue.version if len(catalogue) else "",
        tracks=tracks,
        plays=small[:, PLAYS].copy(),
        firsts_of_track=small[:, FIRSTS_OF_TRACK].copy(),
        firsts_of_artist=small[:, FIRSTS_OF_ARTIST].copy(),
        pane_plays=pane_plays,
        arrivals=arrivals,
        countries=countries,
        country_plays=country_plays,
        listeners=whole.listeners,
        sample=whole.sample,
    )


def canonical_keys(keys: Keys, catalogue: Catalogue) -> Keys:
    """Return the key under which each track counts; its own where the catalogue lacks it."""
    rows = catalogue.rows(keys)
    known = rows != UNKNOWN
    canonical = keys.copy()
    canonical[known] = catalogue.keys[rows[known]]
    return canonical


def _canonical(plays: KeyCounts, catalogue: Catalogue) -> KeyCounts:
    canonical = canonical_keys(plays.keys, catalogue)
    if np.array_equal(canonical, plays.keys):
        return plays
    renamed = KeyCounts(plays.width)
    renamed.add(plays.groups, canonical, plays.counts)
    return renamed


def _by_pane(
    counts: KeyCounts, panes: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    keys, places = np.unique(counts.keys, return_inverse=True)
    table = np.zeros((len(keys), panes), np.uint32)
    table[places, counts.groups] = counts.counts[:, 0]
    return keys.astype(np.uint32), table


__all__ = ["Counts", "Keys", "MergedSlice", "canonical_keys", "merge_slice"]
