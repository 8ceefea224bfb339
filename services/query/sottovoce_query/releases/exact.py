"""The exact vectors that noise is added to: the only reader of cells in the mode enforced."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sottovoce.catalogue import NO_ARTIST, UNKNOWN, Catalogue
from sottovoce.sketches import FlajoletMartin
from sottovoce.sketches.key_rows import find_sorted
from sottovoce.wire.countries import COUNTRY_CODES, country_places
from sottovoce_query.held import HeldCells
from sottovoce_query.merged_slice import Counts, Keys, MergedSlice
from sottovoce_query.releases import statistic as statistics
from sottovoce_query.releases.features import LENGTH, FeatureVectors
from sottovoce_query.releases.statistic import Domain, Statistic
from sottovoce_query.tracks import TrackBook

_NO_KEYS: Final = np.zeros(0, np.uint64)
_NO_COUNTS: Final = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """What is there, before noise.

    Attributes:
        counts: over the statistic's domain.
        catalogue_version: the catalogue whose domain it is.
        other_keys: keys outside the domain, each with a count above 0.
        other_counts: their counts.
    """

    counts: Counts
    catalogue_version: str = ""
    other_keys: Keys = field(default_factory=lambda: _NO_KEYS)
    other_counts: Counts = field(default_factory=lambda: _NO_COUNTS)


class Exact:
    """Exact vectors of one data set, from complete cells.

    Args:
        cells: what is held.
        book: what tracks mean.
    """

    def __init__(self, cells: HeldCells, book: TrackBook) -> None:
        self._cells = cells
        self._book = book
        self._lock = threading.Lock()
        self._features: tuple[str, FeatureVectors] | None = None

    def catalogue_of(self, slice_ms: int) -> Catalogue:
        """Return the catalogue that a slice is pinned to."""
        return self._book.catalogue_of(self._version(slice_ms))

    def _version(self, slice_ms: int) -> str:
        """The version as it is pinned: empty where there is no catalogue."""
        return self._cells.catalogue_version(slice_ms)

    def vector(self, statistic: Statistic, slices: Sequence[int], first: int, stop: int) -> Vector:
        """Return a statistic over panes [first, stop) of one slice, or over several whole slices.

        A slice that nobody listened in has its zeros like any other.
        """
        if statistic.domain is Domain.OCCUPANCY:
            return Vector(self._occupancy(slices))
        if statistic in (statistics.TRACKS_OF_A_UNION, statistics.ARTISTS_OF_A_UNION):
            artists = statistic is statistics.ARTISTS_OF_A_UNION
            return Vector(np.array([self._distinct(slices, artists)], np.int64))
        merged = self._cells.slice(slices[0])
        return self._READERS[statistic.name](self, slices[0], merged, first, stop)

    def _genres(self, slice_ms: int, merged: MergedSlice | None, first: int, stop: int) -> Vector:
        catalogue = self.catalogue_of(slice_ms)
        counts = np.zeros(len(catalogue.genres) + 1, np.int64)  # the last: unknown
        if merged is not None:
            places, _ = self._book.genres_of(merged.tracks.keys, self._version(slice_ms))
            np.add.at(counts, places, merged.tracks.sums(first, stop))
        return Vector(counts, self._version(slice_ms))

    def _countries(self, _: int, merged: MergedSlice | None, first: int, stop: int) -> Vector:
        counts = np.zeros(len(COUNTRY_CODES), np.int64)
        if merged is not None:
            sums = merged.country_plays[:, first:stop].sum(axis=1, dtype=np.int64)
            np.add.at(counts, country_places(merged.countries), sums)
        return Vector(counts)

    def _new_listeners(self, _: int, merged: MergedSlice | None, first: int, stop: int) -> Vector:
        found = 0 if merged is None else int(merged.arrivals[first:stop].sum())
        return Vector(np.array([found], np.int64))

    def _tracks(self, slice_ms: int, merged: MergedSlice | None, first: int, stop: int) -> Vector:
        if merged is None:
            return self._by_track(slice_ms, _NO_KEYS, _NO_COUNTS)
        return self._by_track(slice_ms, merged.tracks.keys, merged.tracks.sums(first, stop))

    def _artists(self, slice_ms: int, merged: MergedSlice | None, first: int, stop: int) -> Vector:
        if merged is None:
            return self._by_artist(slice_ms, _NO_KEYS, _NO_COUNTS)
        return self._by_artist(slice_ms, merged.tracks.keys, merged.tracks.sums(first, stop))

    def _tracks_by_listeners(
        self, slice_ms: int, merged: MergedSlice | None, _: int, __: int
    ) -> Vector:
        if merged is None:
            return self._by_track(slice_ms, _NO_KEYS, _NO_COUNTS)
        return self._by_track(slice_ms, merged.tracks.keys, merged.firsts_of_track.unpack())

    def _artists_by_listeners(
        self, slice_ms: int, merged: MergedSlice | None, _: int, __: int
    ) -> Vector:
        if merged is None:
            return self._by_artist(slice_ms, _NO_KEYS, _NO_COUNTS)
        firsts = merged.firsts_of_artist.unpack()
        return self._by_artist(slice_ms, merged.tracks.keys, firsts)

    def _by_track(self, slice_ms: int, keys: Keys, counts: Counts) -> Vector:
        catalogue = self.catalogue_of(slice_ms)
        rows = catalogue.rows(keys)
        known = rows != UNKNOWN
        values = np.zeros(len(catalogue), np.int64)
        np.add.at(values, rows[known], counts[known])
        some = ~known & (counts > 0)
        return Vector(values, self._version(slice_ms), keys[some], counts[some])

    def _by_artist(self, slice_ms: int, keys: Keys, counts: Counts) -> Vector:
        catalogue = self.catalogue_of(slice_ms)
        artists = self._book.artists_of(keys, self._version(slice_ms))
        named = artists != NO_ARTIST
        distinct, where = np.unique(artists[named], return_inverse=True)
        sums = np.zeros(len(distinct), np.int64)
        np.add.at(sums, where, counts[named])
        domain = catalogue.artist_keys
        values = np.zeros(len(domain), np.int64)
        places, inside = find_sorted(domain, distinct)
        values[places[inside]] = sums[inside]
        some = ~inside & (sums > 0)
        return Vector(values, self._version(slice_ms), distinct[some], sums[some])

    def _feature_sums(
        self, slice_ms: int, merged: MergedSlice | None, first: int, stop: int
    ) -> Vector:
        catalogue = self.catalogue_of(slice_ms)
        if merged is None:
            return Vector(np.zeros(LENGTH, np.int64), self._version(slice_ms))
        plays = merged.tracks.sums(first, stop)
        vectors = self._vectors_of(catalogue)
        return Vector(vectors.sums(catalogue, merged.tracks.keys, plays), self._version(slice_ms))

    def _vectors_of(self, catalogue: Catalogue) -> FeatureVectors:
        with self._lock:
            if self._features is None or self._features[0] != catalogue.version:
                self._features = catalogue.version, FeatureVectors.of(catalogue)
            return self._features[1]

    def _distinct_tracks(self, slice_ms: int, _: MergedSlice | None, __: int, ___: int) -> Vector:
        return Vector(np.array([self._distinct([slice_ms], artists=False)], np.int64))

    def _distinct_artists(self, slice_ms: int, _: MergedSlice | None, __: int, ___: int) -> Vector:
        return Vector(np.array([self._distinct([slice_ms], artists=True)], np.int64))

    def _distinct(self, slices: Sequence[int], artists: bool) -> int:
        found = []
        for slice_ms in slices:
            merged = self._cells.slice(slice_ms)
            if merged is None:
                continue
            keys = merged.tracks.keys
            if artists:
                keys = self._book.artists_of(keys, merged.catalogue_version)
                keys = keys[keys != NO_ARTIST]
            found.append(keys)
        return len(np.unique(np.concatenate(found))) if found else 0

    def _occupancy(self, slices: Sequence[int]) -> Counts:
        union = FlajoletMartin()
        for slice_ms in slices:
            merged = self._cells.slice(slice_ms)
            if merged is not None:
                union.merge(merged.listeners)
        return union.occupancy()

    _READERS: Final[dict[str, Callable[[Exact, int, MergedSlice | None, int, int], Vector]]] = {
        statistics.GENRES.name: _genres,
        statistics.COUNTRIES.name: _countries,
        statistics.NEW_LISTENERS.name: _new_listeners,
        statistics.TRACKS_LIVE.name: _tracks,
        statistics.TRACKS.name: _tracks,
        statistics.ARTISTS_LIVE.name: _artists,
        statistics.ARTISTS.name: _artists,
        statistics.TRACKS_BY_LISTENERS.name: _tracks_by_listeners,
        statistics.ARTISTS_BY_LISTENERS.name: _artists_by_listeners,
        statistics.FEATURES.name: _feature_sums,
        statistics.DISTINCT_TRACKS.name: _distinct_tracks,
        statistics.DISTINCT_ARTISTS.name: _distinct_artists,
    }
